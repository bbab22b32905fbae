"""Campaigns in plain English: the implicit start, every anchor, short and long."""

import typing

import pytest

from headless.dsl import ast, clauses, deeds
from headless.dsl.explain import explain
from headless.dsl.parser import parse


def told(text: str) -> str:
    campaign = parse(text).campaign
    assert campaign is not None
    return explain(campaign)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        (
            'campaign Hello start when did "signed up" send email Welcome '
            "when opened email Welcome within 3d then add points 10",
            'Whenever a contact does "signed up": send Welcome. If they open Welcome within 3 days '
            "from the sending of Welcome, add 10 points.",
        ),
        (
            "when opened email X within 3d then add points 10",
            "Whenever X is sent to a contact, by anybody: if they open X within 3 days from the "
            "sending of X, add 10 points.",
        ),
        (
            "when submitted form Demo then set stage to Qualified, set owner to anna",
            "Whenever a contact submits the form Demo: set their stage to Qualified, then make "
            "anna their owner.",
        ),
        (
            "when visited page Pricing 3 times within 7d then add tag hot",
            "Whenever a contact visits the page Pricing 3 times within 7 days: add the tag hot.",
        ),
        (
            'from segment L when did "paid" within 1h30m then exit else add points 1',
            'For everybody in the segment L, now and as they join: if they do "paid" within 1 '
            "hour and 30 minutes from reaching this step, leave the campaign; otherwise, 1 hour "
            "and 30 minutes from reaching this step, add 1 point. Nobody comes in a second time.",
        ),
        (
            "from segment L when not opened email Other within 2d then exit",
            "For everybody in the segment L, now and as they join: if they have not opened Other "
            "within 2 days from the last sending of Other by anyone, else from reaching this step, "
            "leave the campaign. Nobody comes in a second time.",
        ),
        (
            'from segment L when did "x" within 5d of entry then exit',
            'For everybody in the segment L, now and as they join: if they do "x" within 5 days '
            "from the start of their run, leave the campaign. Nobody comes in a second time.",
        ),
        (
            'if country is "DE" or (points > 5 and not has tag b2b) then send email Hallo',
            "For each contact who is entered by hand, through the API or by another campaign: if "
            'their country is "DE" or (their points are more than 5 and they do not have the tag '
            "b2b), send Hallo.",
        ),
    ],
)
def test_short_rules_are_a_paragraph(text: str, reading: str) -> None:
    paragraph = told(text)
    assert paragraph.removesuffix(" Nobody comes in a second time.") == reading.removesuffix(
        " Nobody comes in a second time."
    )


def test_long_campaigns_are_a_list() -> None:
    assert told(
        """\
campaign "Welcome series"
from segment Leads, form "Contact us"
quiet hours 21:00 to 08:00
re-entry after 30d
send email Welcome
wait 1d
when opened email Welcome within 3d do
  add points 10
  if has tag vip then exit else wait until 3d before trial_ends at 09:00
else
  send email Reminder
end
"""
    ) == (
        """\
Welcome series
For everybody in the segment Leads, now and as they join; and for whoever submits the form \
"Contact us":
1. Send Welcome
2. Wait 1 day
3. If they open Welcome within 3 days from the sending of Welcome:
   - Add 10 points
   - If they have the tag vip:
     - Leave the campaign
     Otherwise:
     - Wait until 3 days before their trial_ends at 09:00
   Otherwise, 3 days from the sending of Welcome:
   - Send Reminder

They come in again at the earliest 30 days later.
Nothing is sent from 21:00 to 08:00; it waits."""
    )


def test_every_event_and_every_simple_step_has_its_words() -> None:
    waiting = {ast.WaitForEvent}
    assert set(typing.get_args(ast.Single)) == set(clauses._EVENTS)
    assert set(typing.get_args(ast.Simple)) - waiting == set(deeds._DEEDS)
