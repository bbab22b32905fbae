"""What a simulation answers: the journal, the contacts and the numbers."""

from datetime import UTC, datetime

import msgspec
import pytest
from integration.simulation.conftest import Simulate
from integration.simulation.told import mails, told

from headless.simulation.faults import FaultyTextError
from headless.simulation.outcome import OUTCOMES

WELCOME = """\
from segment Leads

send email Welcome
when clicked email Welcome within 2d then add points 5 else send email Reminder
wait until friday at 09:00
add tag done
"""
LEADS = [{"id": "1", "segments": "Leads"}, {"id": "2", "segments": "Leads"}]


async def test_the_journal_is_in_the_order_of_time_and_speaks_of_lines(simulated: Simulate) -> None:
    acts = [{"at": "+1d", "contact": "2", "did": "clicked email Welcome"}]
    done = await simulated(WELCOME, contacts=LEADS, activities=acts)
    assert told(done, "1") == [
        "05 09:00 entry: entered",
        "05 09:00 send email Welcome: sent",
        "07 09:00 when clicked email Welcome within 2d: no",
        "07 09:00 send email Reminder: sent",
        "09 09:00 wait until friday at 09:00: done",
        "09 09:00 add tag done: done",
    ]
    assert [line.at for line in done.journal] == sorted(line.at for line in done.journal)
    lines = [line for line in done.journal if line.contact == "2"]
    assert [line.line for line in lines] == [0, 3, 4, 4, 5, 6]
    assert [line.reason for line in lines][2:4] == ["clicked at 2026-01-06 09:00", "0 → 5"]
    assert {line.run for line in done.journal} == {1}


async def test_the_contacts_and_the_numbers_at_the_end(simulated: Simulate) -> None:
    acts = [{"at": "+1d", "contact": "2", "did": "clicked email Welcome"}]
    done = await simulated(WELCOME, contacts=LEADS, activities=acts)
    assert mails(done) == [("Welcome", "05 09:00"), ("Reminder", "07 09:00")]
    two = done.contacts["2"]
    assert (two.points, two.tags, two.segments, two.fields) == (5, ("done",), ("Leads",), {})
    assert done.stats["enrollments"] == {"finished": 2}
    assert done.stats["messages"] == {"sent": 3}
    clicked = done.stats["steps"][2]
    assert (clicked["line"], clicked["outcomes"]) == (4, {"yes": 1, "no": 1})


async def test_as_json_it_has_exactly_these_keys(simulated: Simulate) -> None:
    done = msgspec.json.decode(msgspec.json.encode(await simulated(WELCOME, contacts=LEADS)))
    assert set(done) == {"journal", "contacts", "stats"}
    assert set(done["journal"][0]) == {
        "at", "contact", "run", "line", "step", "outcome", "reason",
    }  # fmt: skip
    assert set(done["contacts"]["1"]) == {"points", "tags", "segments", "fields", "messages"}
    assert done["contacts"]["1"]["messages"][0] == {
        "channel": "email", "name": "Welcome", "at": "2026-01-05T09:00:00Z",
    }  # fmt: skip
    assert {line["outcome"] for line in done["journal"]} <= set(OUTCOMES)


async def test_who_waits_at_the_end_has_a_line_that_says_so(simulated: Simulate) -> None:
    text = "from segment Leads\nwait 3d\nwhen did buy then exit"
    until = datetime(2026, 1, 6, tzinfo=UTC)
    done = await simulated(text, contacts=LEADS[:1], until=until)
    assert told(done) == ["05 09:00 entry: entered", "05 09:00 wait 3d: waiting"]
    assert done.journal[-1].reason == "until 2026-01-08 09:00"
    done = await simulated(text, contacts=LEADS[:1])
    assert told(done)[-1] == "08 09:00 when did buy: waiting"
    assert done.journal[-1].reason == "until it happens"
    assert done.stats["enrollments"] == {"running": 1}


async def test_the_end_is_included(simulated: Simulate) -> None:
    text = "from segment Leads\nwait 1d\nadd tag a"
    for at, tags in ((9, ("a",)), (8, ())):
        done = await simulated(text, contacts=LEADS, until=datetime(2026, 1, 6, at, tzinfo=UTC))
        assert done.contacts["1"].tags == tags


async def test_each_run_is_told_apart(simulated: Simulate) -> None:
    text = "from segment Leads\nre-entry always\nadd points 1"
    acts = [
        {"at": "+1d", "contact": "1", "did": "left segment Leads"},
        {"at": "+2d", "contact": "1", "did": "joined segment Leads"},
    ]
    done = await simulated(text, contacts=LEADS[:1], activities=acts)
    assert [(line.run, line.outcome) for line in done.journal] == [
        (1, "entered"), (1, "done"), (2, "entered"), (2, "done"),
    ]  # fmt: skip


async def test_the_same_input_has_the_same_answer(simulated: Simulate) -> None:
    text = 'from segment Leads\nsplit do 50% "A": add tag a rest: add tag b end'
    people = [{"id": str(n), "segments": "Leads"} for n in range(40)]
    first = await simulated(text, contacts=people)
    assert first == await simulated(text, contacts=people)
    assert {person.tags for person in first.contacts.values()} == {("a",), ("b",)}


@pytest.mark.parametrize(
    ("text", "entered"),
    [
        ("from segment Leads\nnote a", 5),
        ("from new members of segment Leads\nnote a", 5),
        ("start when submitted form Demo\nnote a", 5),
        ('start when did "order placed" where (total > 50)\nnote a', 5),
        ("when opened email X within 3d then add points 10", 5),
        ('from contacts where (country is "US")\nnote a', 3),
        ("send email Welcome", 5),
        ("from segment Leads\nactive 2030-05-01\nnote a", 5),
        ('from segment Leads\nif field "user id" is 7 then exit', 5),
        ("from segment Leads\nsend message Hello", 5),
    ],
)
async def test_a_text_alone_can_be_tried(simulated: Simulate, text: str, entered: int) -> None:
    text = text.replace("note a", 'note "a"')
    done = await simulated(text)
    assert sum(line.outcome == "entered" for line in done.journal) == entered


async def test_a_faulty_text_is_told_as_check_tells_it(simulated: Simulate) -> None:
    with pytest.raises(FaultyTextError) as raised:
        await simulated("from segment Leads\nsend emial X\nif age >", contacts=LEADS)
    assert len(raised.value.diagnostics) == 2


async def test_a_type_that_does_not_fit_the_contacts_is_a_fault_of_the_text(
    simulated: Simulate,
) -> None:
    people = [{**LEADS[0], "age": "old"}]
    with pytest.raises(FaultyTextError) as raised:
        await simulated("from segment Leads\nif age > 3 then exit", contacts=people)
    assert raised.value.diagnostics[0].code == "E220"


async def test_a_send_that_is_held_is_told_with_the_hour_it_waits_for(simulated: Simulate) -> None:
    text = "from segment Leads\nquiet hours 08:00 to 10:30\nsend email Welcome"
    done = await simulated(text, contacts=LEADS[:1])
    assert mails(done) == [("Welcome", "05 10:30")]
    held = await simulated(text, contacts=LEADS[:1], until=datetime(2026, 1, 5, 10, tzinfo=UTC))
    assert held.journal[-1].reason == "until 2026-01-05 10:30"
    assert held.contacts["1"].messages == ()


async def test_an_answer_is_the_reason_of_its_when_and_not_of_what_comes_behind(
    simulated: Simulate,
) -> None:
    text = """\
from segment Leads
send email Welcome
when opened email Welcome within 3d do
  add points 1
end
if country is us then add tag us
"""
    contacts = [{"id": "1", "segments": "Leads", "country": "us"}]
    acts = [{"at": "+1d", "contact": "1", "did": "opened email Welcome"}]
    done = await simulated(text, contacts=contacts, activities=acts)
    reasons = {line.step: line.reason for line in done.journal}
    assert reasons["if country is us"] == "country is `us`"
    assert reasons["when opened email Welcome within 3d"] == "opened at 2026-01-06 09:00"
