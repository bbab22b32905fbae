"""Parallel parts: side by side, met again, ended together."""

from world import World


async def test_the_path_goes_on_when_all_parts_have_come(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        parallel do
          send email Welcome
          wait 3d
        also
          wait 1d
          add tag second
        also
          add points 5
        end
        add tag over
        wait 1d
        add points 1"""
    )
    assert (await world.mails("ada"), await world.points("ada")) == (["Welcome"], 5)
    await world.wait(days=2)
    assert await world.tags("ada") == ["second"]
    assert await world.runs("ada") == ["running"]
    await world.wait(days=1)
    assert await world.tags("ada") == ["over", "second"]
    assert (8, "Thu 08 Jan 09:00") in await world.times("ada")
    await world.wait(days=1)
    assert (await world.points("ada"), await world.runs("ada")) == (6, ["finished"])
    assert await world.rows("select * from position") == []


async def test_exit_in_one_part_ends_all(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        parallel do
          when did "bought" within 9d then exit
        also
          wait 2d
          add tag second
          wait 30d
        end
        add tag over"""
    )
    await world.wait(days=1)
    await world.does("bought", "ada")
    assert (await world.runs("ada"), await world.runs("bob")) == (["exited"], ["running"])
    await world.wait(days=40)
    assert (await world.tags("ada"), await world.tags("bob")) == ([], ["over", "second"])
    assert await world.rows("select * from position") == []


async def test_parts_within_parts_and_in_a_loop(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        repeat 2 times do
          parallel do
            parallel do
              add points 1
            also
              wait 1h
              add points 1
            end
            add points 10
          also
            repeat 2 times do
              wait 1h
              add points 100
            end
          end
          add points 1000
        end"""
    )
    await world.wait(days=1)
    assert (await world.points("ada"), await world.runs("ada")) == (2424, ["finished"])


async def test_a_part_in_the_body_of_a_whenever_ends_with_the_path(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        whenever did "ping" do
          parallel do wait 5d add points 1 also add tag pinged end
        end
        wait 2d"""
    )
    await world.does("ping", "ada")
    await world.wait(days=9)
    assert (await world.points("ada"), await world.tags("ada")) == (0, ["pinged"])
    assert await world.runs("ada") == ["finished"]
    assert await world.rows("select * from position") == []


async def test_parts_that_arrive_in_two_transactions_at_once_meet(world: World) -> None:
    names = [f"p{n}" for n in range(40)]
    await world.people(*names, segment="Leads")
    await world.start(
        """from segment Leads
        parallel do wait 1d add points 1 also wait 1d add points 2 end
        add points 10"""
    )
    world.engine.batch = 3
    await world.wait(days=1)
    assert {await world.points(name) for name in names} == {13}


async def test_parts_may_begin_with_a_rest_of_any_kind(world: World) -> None:
    await world.people("ada", segment="Leads", trial="2026-01-07")
    await world.start(
        """from segment Leads
        add points 1
        parallel do
          wait until trial
          add tag a
        also
          when did "x" within 1d of entry then add tag x else add tag b
        also
          every day at 12:00 2 times do add points 10 end
        also
          repeat 2 times do add points 100 wait 1h end
        end
        add tag over"""
    )
    await world.wait(days=2)
    assert (await world.tags("ada"), await world.points("ada")) == (["a", "b", "over"], 221)


async def test_ticks_and_jumps_behind_a_join_know_their_rounds(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        every day at 12:00 2 times do
          parallel do
            again: add points 1
            wait 1h
            jump to again at most 2 times
          also
            wait 2h
          end
        end
        add tag over"""
    )
    await world.wait(days=3)
    # three rounds of the part, then one: the jump counts for the whole run
    assert (await world.tags("ada"), await world.points("ada")) == (["over"], 4)
