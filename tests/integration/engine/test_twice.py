"""A run that stands twice at one step, which its plan knows nothing of, still does everything once.

A new version without parallel parts can leave such positions behind; a batch must neither stop
over them nor repeat an effect.
"""

from tests.world import World

AGAIN = """
insert into position (workspace_id, enrollment_id, branch, contact_id, version_id, step, arrived_at,
                      due_at)
select workspace_id, enrollment_id, 7, contact_id, version_id, step, arrived_at, due_at
  from position
"""


async def test_two_positions_of_a_run_at_one_step_have_one_effect(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start('from segment Leads wait 1d add points 10 note "hello"')
    await world.settle()
    async with world.database.transaction() as tx:
        await tx.connection.exec_driver_sql(AGAIN)
    await world.wait(days=2)
    assert (await world.points("ada"), await world.points("bob")) == (10, 10)
    assert await world.rows("select * from position") == []
    assert await world.rows("select count(*) from journal where step > 0") == [(6,)]


async def test_a_step_that_the_journal_knows_is_passed_over_and_the_others_are_not(
    world: World,
) -> None:
    await world.people("ada", segment="Leads")
    await world.start('from segment Leads wait 1d add points 10 add points 1 note "hello"')
    await world.settle()
    async with world.database.transaction() as tx:
        await tx.connection.exec_driver_sql(
            "insert into journal select workspace_id, enrollment_id, 2, visit, at, contact_id,"
            " version_id, outcome, null, null from journal where step = 0"
        )
    await world.wait(days=2)
    assert await world.points("ada") == 1
    assert await world.rows("select step from journal order by step") == [(n,) for n in range(5)]
