"""What cannot run yet is said, and what can run is not."""

from headless.dsl.later import CODE, unready
from headless.dsl.parser import parse


def told(text: str) -> list[str]:
    parsed = parse(text)
    assert parsed.campaign is not None, parsed.diagnostics
    return [text[d.span.start : d.span.end] for d in unready(parsed.campaign)]


READY = """\
campaign Welcome
language 1
from segment Leads where (points > 5 and not has tag old)
from new members of segment B
active 2026-01-01 to 2026-12-31
time zone contact
re-entry after 30d

first: send email A with (discount = 10)
wait 3d
wait until 3d before trial_ends at 09:00
when opened email A or clicked email A within 3d of entry do
  add points 10
  add tag hot
or when did "order placed" where (total > 50) within 2d do
  set city to Paris
  clear nickname
else
  set stage to Lost
  set owner to anna
end
when not visited page "/pricing*" within 1d then remove points 3, remove tag hot
whenever clicked link "https://example.com*" within 30d at most 3 times then add to segment B
if anniversary of birthday is today and reachable by email and not unsubscribed do
  remove from segment B
or if entry.total > 5 and in campaign Other and opened email A in last 3d do
  note "x"
else
  exit
end
split do 50%: send webhook "https://example.com/hook" rest: note "y" end
"""


def test_what_the_engine_runs_gets_no_warning() -> None:
    text = READY.replace("from new members of segment B\n", "")
    assert told(text) == []


def test_a_start_by_an_event_is_ready() -> None:
    assert told('start when did "signed up" or submitted form Demo\nsend email A') == []


def test_what_it_cannot_run_is_named_at_its_place() -> None:
    assert told("owned by anna\nadd points 1") == ["owned by anna"]


def test_the_warning_says_what_can_be_done_all_the_same() -> None:
    campaign = parse("owned by anna\nadd points 1").campaign
    assert campaign is not None
    (one,) = unready(campaign)
    assert (one.code, one.severity) == (CODE, "warning")
    assert one.message == (
        "`owned by` cannot run yet; the campaign can be stored and checked, but not started"
    )
