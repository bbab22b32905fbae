"""The double's checks: what Slack would refuse, it refuses; what fits, it takes."""

from typing import Any

import pytest
import slack_schema
from slack_payloads import faults_of_message, faults_of_view

TEXT = {"type": "mrkdwn", "text": "hi"}
PLAIN = {"type": "plain_text", "text": "hi"}
SECTION = {"type": "section", "text": TEXT}
MODAL = {"type": "modal", "title": PLAIN, "blocks": [SECTION]}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": PLAIN, "action_id": "a", **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def test_what_fits_is_taken() -> None:
    fine = [SECTION, {"type": "divider"}, actions(button(), button(action_id="b", value="v"))]
    assert faults_of_message({"text": "hi", "blocks": fine}) == []
    assert faults_of_view(MODAL) == []


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({"blocks": [SECTION]}, "top-level"),
        ({"text": "x", "blocks": [SECTION] * 51}, "51 blocks"),
        ({"text": "x", "blocks": [{**SECTION, "text": {**TEXT, "text": ""}}]}, "empty"),
        ({"text": "x", "blocks": [{**SECTION, "text": {**TEXT, "text": "y" * 3001}}]}, "3,000"),
        ({"text": "x", "blocks": [{**SECTION, "text": {**TEXT, "text": "<!here>"}}]}, "everybody"),
        ({"text": "x", "blocks": [actions(button(), button())]}, "same `action_id`"),
        ({"text": "x", "blocks": [actions(button(value="v" * 2001))]}, "2,000"),
        ({"text": "x", "blocks": [{"type": "sectoin", "text": TEXT}]}, "does not know"),
        ({"text": "x", "blocks": [{**SECTION, "block_id": "a"}] * 2}, "same `block_id`"),
        (
            {"text": "x", "blocks": [{**SECTION, "text": {**TEXT, "text": "y" * 2900}}] * 5},
            "together",
        ),
    ],
)
def test_what_slack_would_refuse_is_a_fault(payload: dict[str, Any], fault: str) -> None:
    found = faults_of_message(payload)
    assert any(fault in one for one in found), found


@pytest.mark.parametrize(
    "more",
    [
        {"title": {**PLAIN, "text": "x" * 25}},
        {"private_metadata": "x" * 3001},
        {"blocks": []},
        {"blocks": [SECTION] * 101},
        {"blocks": [{"type": "input", "label": PLAIN, "element": {"type": "plain_text_input"}}]},
    ],
)
def test_a_window_that_slack_would_refuse_is_a_fault(more: dict[str, Any]) -> None:
    assert faults_of_view({**MODAL, **more})


def test_the_types_that_slack_publishes_are_a_schema() -> None:
    if reason := slack_schema.missing():
        pytest.skip(reason)
    slack_schema.make()
    assert slack_schema.faults("AnyBlock", SECTION) == []
    assert slack_schema.faults("AnyBlock", {"type": "header", "text": TEXT})
    assert slack_schema.faults("AnyBlock", {**SECTION, "colour": "red"})
    assert slack_schema.faults("AnyView", MODAL) == []
    assert slack_schema.faults("AnyView", {**MODAL, "title": TEXT})
