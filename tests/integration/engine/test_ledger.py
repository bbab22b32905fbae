"""What a campaign changes of a contact's consent stands in the ledger, each change once."""

from world import World

PATH = """campaign "Clean up"
start when did "left"
unsubscribe from all because "inactive"
unsubscribe from email
wait 1d
subscribe to sms
"""


async def test_steps_are_lines_of_the_ledger(world: World) -> None:
    await world.people("ada", "bob", phone="+493012345678")
    await world.start(PATH)
    await world.does("left", "ada")
    lines = "select about, action, source from consent where contact_id = :id order by id"
    taken = await world.rows(lines, id=world.ids["ada"])
    assert sorted(taken) == [
        (about, "withdrawn", "campaign Clean up: inactive") for about in ("email", "push", "sms")
    ]
    await world.wait(days=1)
    assert (await world.rows(lines, id=world.ids["ada"]))[3:] == [
        ("sms", "granted", "campaign Clean up")
    ]
    assert await world.rows(lines, id=world.ids["bob"]) == []
    left = "select channel from suppression where contact_id = :id order by 1"
    assert await world.rows(left, id=world.ids["ada"]) == [(1,), (3,)]
