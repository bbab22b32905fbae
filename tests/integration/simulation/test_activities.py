"""What stands in the file of activities becomes the real thing."""

from typing import Any

import pytest
from integration.simulation.conftest import Simulate
from integration.simulation.told import mails, outcomes, told

from headless.simulation.faults import FaultyFileError

ONE = [{"id": "1", "segments": "Leads"}]


def did(what: str, at: str = "+1h", **more: Any) -> dict[str, Any]:
    return {"at": at, "contact": "1", "did": what, **more}


@pytest.mark.parametrize(
    ("waits_for", "does", "properties"),
    [
        ("opened email Welcome", "opened email Welcome", None),
        ("opened email Welcome", "clicked email Welcome", None),
        ("clicked email Welcome", "clicked email Welcome", None),
        (
            'clicked link "https://x.example/*"',
            'clicked link "https://x.example/a" in email Welcome',
            None,
        ),
        ('clicked link "https://x.example/*"', 'clicked link "https://x.example/*"', None),
        ("bounced email Welcome", "bounced email Welcome", None),
        ('visited page "/pricing*"', 'visited page "/pricing/eu"', None),
        ('visited page "/pricing*"', 'visited page "https://x.example/pricing"', None),
        ("visited page Prices", "visited page Prices", None),
        ("visited site", "visited page Prices", None),
        ("submitted form Demo", "submitted form Demo", {"budget": 100}),
        ("downloaded asset Guide", "downloaded asset Guide", None),
        ('did "order placed"', 'did "order placed"', None),
        ('did "order placed" where (total > 50)', 'did "order placed"', {"total": 51}),
        ("joined segment VIP", "joined segment VIP", None),
        ("left segment Leads", "left segment Leads", None),
        ("got tag hot", "got tag hot", None),
        ("reached 50 points", "reached 50 points", None),
        ("reached 50 points in group Shop", "reached 60 points in group Shop", None),
        ("unsubscribed", "unsubscribed", None),
    ],
)  # fmt: skip
async def test_what_somebody_does_answers_the_question_for_it(
    simulated: Simulate, waits_for: str, does: str, properties: dict[str, Any] | None
) -> None:
    text = f"from segment Leads\nsend email Welcome\nwhen {waits_for} within 2h then note yes"
    asked = f"when {waits_for} within 2h"
    text = text.replace("note yes", 'note "yes"')
    acts = [did(does, properties=properties)]
    done = await simulated(text, contacts=ONE, activities=acts)
    (line,) = [line for line in done.journal if line.step == asked]
    assert (line.outcome, line.at.hour) == ("yes", 10)
    without = await simulated(text, contacts=ONE)
    assert outcomes(without, asked) == {"1": "no"}


async def test_what_changes_a_contact_really_changes_it(simulated: Simulate) -> None:
    acts = [
        did("joined segment VIP"),
        did("left segment Leads"),
        did("got tag hot"),
        did("reached 30 points"),
        {"at": "+1h", "contact": 1, "set": {"country": "US", "age": 30, "stage": "customer"}},
    ]
    text = (
        "from segment Leads\nwait 2h\n"
        'if in segment VIP and has tag hot and points >= 30 and country is "US" and age > 29 '
        "then add tag all"
    )
    done = await simulated(text, contacts=ONE, activities=acts)
    one = done.contacts["1"]
    assert (one.points, one.tags, one.segments) == (30, ("all", "hot"), ("VIP",))
    assert one.fields == {"stage": "customer", "age": 30, "country": "US"}


async def test_null_clears_and_a_changed_field_is_told(simulated: Simulate) -> None:
    people = [{"id": "1", "segments": "Leads", "country": "DE"}]
    acts = [{"at": "+1h", "contact": "1", "set": {"country": None}}]
    done = await simulated("from segment Leads\nwait 1d", contacts=people, activities=acts)
    assert done.contacts["1"].fields == {}


async def test_who_unsubscribed_is_not_mailed(simulated: Simulate) -> None:
    text = "from segment Leads\nwait 2h\nsend email Welcome\nsend transactional email Receipt"
    done = await simulated(text, contacts=ONE, activities=[did("unsubscribed")])
    (line,) = [line for line in done.journal if line.step == "send email Welcome"]
    assert (line.outcome, line.reason) == ("skipped", "unsubscribed")
    assert mails(done) == [("Receipt", "05 11:00")]


async def test_a_bounce_ends_all_mail(simulated: Simulate) -> None:
    text = "from segment Leads\nsend email A\nwait 2h\nsend email B"
    done = await simulated(text, contacts=ONE, activities=[did("bounced email A")])
    assert mails(done) == [("A", "05 09:00")]


async def test_by_hand_in_and_out_for_good(simulated: Simulate) -> None:
    text = "from segment Leads\nre-entry always\nwait 1d\nadd points 1"
    acts = [
        {"at": "+1h", "contact": "1", "campaign": "remove"},
        did("left segment Leads", "+2h"),
        did("joined segment Leads", "+3h"),
        {"at": "+4h", "contact": "2", "campaign": "add", "properties": {"total": 5}},
    ]
    done = await simulated(text, contacts=[*ONE, {"id": "2"}], activities=acts)
    assert [done.contacts[who].points for who in ("1", "2")] == [0, 1]
    assert done.stats["enrollments"] == {"finished": 1, "removed": 1}


async def test_pause_keeps_places_and_resume_runs_or_shifts_what_is_overdue(
    simulated: Simulate,
) -> None:
    text = "from segment Leads\nwait 1d\nadd points 1"
    pause, on = {"at": "+12h", "campaign": "pause"}, {"at": "+3d", "campaign": "resume"}
    done = await simulated(text, contacts=ONE, activities=[pause, on])
    assert told(done)[-1] == "08 09:00 add points 1: done"
    on = {"at": "+3d", "campaign": "resume shifted"}
    done = await simulated(text, contacts=ONE, activities=[pause, on])
    assert told(done)[-1] == "08 21:00 add points 1: done"
    done = await simulated(text, contacts=ONE, activities=[pause])
    assert told(done)[-1] == "05 09:00 wait 1d: waiting"


async def test_one_that_is_reported_late_counts_by_its_own_time(simulated: Simulate) -> None:
    text = "from segment Leads\nsend email A\nwait 3d\nwhen opened email A within 1d then add tag a"
    late = did("opened email A", "+2d", happened="+2h")
    done = await simulated(text, contacts=ONE, activities=[late])
    assert done.contacts["1"].tags == ("a",)
    done = await simulated(text, contacts=ONE, activities=[did("opened email A", "+2d")])
    assert done.contacts["1"].tags == ()


async def test_the_same_id_counts_once(simulated: Simulate) -> None:
    text = "from segment Leads\nwhenever did buy within 1d then add points 1"
    twice = [did("did buy", id="a"), did("did buy", "+2h", id="a")]
    assert (await simulated(text, contacts=ONE, activities=twice)).contacts["1"].points == 1
    other = [did("did buy", id="a"), did("did buy", "+2h", id="b")]
    assert (await simulated(text, contacts=ONE, activities=other)).contacts["1"].points == 2


async def test_a_mail_that_others_send_starts_a_bare_rule(simulated: Simulate) -> None:
    text = "when opened email X within 3d then add points 10"
    acts = [{"at": "+1h", "contact": "1", "sent": "email X"}, did("opened email X", "+2h")]
    done = await simulated(text, contacts=[{"id": "1"}, {"id": "2"}], activities=acts)
    assert [done.contacts[who].points for who in ("1", "2")] == [10, 0]


async def test_what_happened_before_the_start_is_known(simulated: Simulate) -> None:
    text = "from segment Leads\nif opened email X in last 30d then add tag a else add tag b"
    acts = [did("opened email X", "-5d")]
    done = await simulated(text, contacts=[*ONE, {"id": "2", "segments": "Leads"}], activities=acts)
    assert [done.contacts[who].tags for who in ("1", "2")] == [("a",), ("b",)]


async def test_at_one_instant_activities_come_before_what_is_due(simulated: Simulate) -> None:
    text = "from segment Leads\nwait 1d\nif has tag a then add points 1"
    done = await simulated(text, contacts=ONE, activities=[did("got tag a", "+1d")])
    assert done.contacts["1"].points == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"contact": "1", "did": "unsubscribed"}, "`at` is missing"),
        ({"at": "soon", "contact": "1", "did": "unsubscribed"}, "`soon` is no time"),
        ({"at": "+1d", "did": "unsubscribed"}, "`contact` is missing"),
        ({"at": "+1d", "contact": "9", "did": "unsubscribed"}, "there is no contact `9`"),
        ({"at": "+1d", "contact": "1"}, "a line has one of `did`"),
        ({"at": "+1d", "contact": "1", "did": "opened"}, "`opened` is no event"),
        ({"at": "+1d", "contact": "1", "did": "unsubscribed", "prop": {}}, "there is no `prop`"),
        ({"at": "+1d", "contact": "1", "did": "got tag a or got tag b"}, "is several events"),
        ({"at": "+1d", "contact": "1", "set": "US"}, "`set` is a JSON object"),
        ({"at": "+1d", "contact": "1", "set": {"1a": 2}}, "cannot name a field"),
        ({"at": "+1d", "campaign": "stop"}, "`campaign` is one of"),
        ({"at": "+1d", "campaign": "resume"}, "only a campaign that is paused can resume"),
    ],
)
async def test_a_faulty_line_is_told_with_its_number(
    simulated: Simulate, line: dict[str, Any], says: str
) -> None:
    fine = did("did buy")
    with pytest.raises(FaultyFileError) as raised:
        await simulated("from segment Leads\nwait 9d", contacts=ONE, activities=[fine, line])
    (fault,) = raised.value.faults
    assert fault.line == 2
    assert says in fault.message
