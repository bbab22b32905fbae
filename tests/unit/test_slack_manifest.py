"""The manifest: what it says fits Slack's limits, the code, and the page that explains it."""

import json

import pytest

from headless.slack.incoming import reading
from headless.slack.verbs import manifest
from headless.slack.verbs.manifest import EVENTS, SCOPES

URL = "https://c.acme.com"


def test_a_manifest_has_no_faults() -> None:
    made = manifest.manifest(URL + "/")
    assert manifest.faults(made) == []
    text = json.dumps(made)
    assert text.count(f"{URL}/slack/events") == 3
    assert f"{URL}/slack/oauth_redirect" in text
    assert made["features"]["unfurl_domains"] == ["c.acme.com"]
    assert made["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert all(SCOPES.values())


def test_with_socket_mode_slack_calls_no_address() -> None:
    made = manifest.manifest("http://localhost:8080", socket=True)
    assert manifest.faults(made) == []
    assert "http" not in json.dumps(made["settings"]) + json.dumps(made["oauth_config"])
    assert made["settings"]["socket_mode_enabled"] is True


def test_an_address_without_https_is_a_fault_that_says_what_to_do() -> None:
    found = manifest.faults(manifest.manifest("http://localhost:8080"))
    assert len(found) == 4
    assert "--socket" in found[0]


@pytest.mark.parametrize(("place", "length"), [("name", 36), ("description", 141)])
def test_what_is_too_long_is_a_fault(place: str, length: int) -> None:
    made = manifest.manifest(URL)
    made["display_information"][place] = "x" * length
    assert len(manifest.faults(made)) == 1


def test_every_event_that_is_asked_for_is_read() -> None:
    assert set(EVENTS) == reading.EVENTS
