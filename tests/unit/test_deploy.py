"""What lies in `deploy/` fits the product: its commands, settings and metrics."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

from headless.cli import headless
from headless.settings.table import SETTINGS

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = sorted(DEPLOY.glob("*.service"))
KNOWN = {setting.name for setting in SETTINGS} | {f"{setting.name}_FILE" for setting in SETTINGS}
SERVICE_KEYS = {
    "image", "build", "init", "user", "read_only", "tmpfs", "cap_drop", "security_opt", "restart",
    "stop_grace_period", "environment", "volumes", "command", "depends_on", "ports", "healthcheck",
    "deploy", "shm_size",
}  # fmt: skip
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
UNIT_KEYS = {
    "Unit": {"Description", "Documentation", "After", "Wants"},
    "Service": {
        "Type", "NotifyAccess", "ExecStart", "EnvironmentFile", "Environment", "User", "Group",
        "StateDirectory", "StateDirectoryMode", "WorkingDirectory", "Restart", "RestartSec",
        "TimeoutStartSec", "TimeoutStopSec", "KillMode", "NoNewPrivileges", "PrivateTmp",
        "PrivateDevices", "ProtectSystem", "ProtectHome", "ProtectKernelTunables",
        "ProtectKernelModules", "ProtectControlGroups", "RestrictSUIDSGID",
        "RestrictAddressFamilies", "LockPersonality", "ReadWritePaths", "UMask",
    },
    "Install": {"WantedBy"},
}  # fmt: skip


def fits(words: list[str]) -> None:
    """The command line's own parser takes these words."""
    group: click.Command = headless
    context = click.Context(headless, info_name="headless")
    while isinstance(group, click.Group):
        name, *words = words
        found = group.get_command(context, name)
        assert found, f"there is no command {name}"
        group, context = found, click.Context(found, info_name=name, parent=context)
    group.make_parser(context).parse_args(list(words))


def test_each_service_of_the_compose_file_is_told_what_compose_knows() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"migrate", "api", "worker", "postgres", "redis"}
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        for other, how in service.get("depends_on", {}).items():
            assert other in services
            assert how["condition"] in CONDITIONS
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other]
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["migrate", "api", "worker"])
def test_each_of_our_containers_runs_a_command_that_exists(name: str) -> None:
    service = COMPOSE["services"][name]
    fits(list(service["command"]))
    assert set(service["environment"]) <= KNOWN
    assert service["read_only"] is True
    assert service["user"] == "10001:10001"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_each_unit_runs_a_command_that_exists(path: Path) -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # the stubs want a method
    unit.read(path)
    for section in unit.sections():
        assert set(unit[section]) <= UNIT_KEYS[section]
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/headless")
    fits(words)
    for given in unit["Service"].get("Environment", "").split():
        assert given.partition("=")[0] in KNOWN


def test_systemd_itself_finds_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    """Where systemd is; everywhere else the test above is what holds them."""
    verify = shutil.which("systemd-analyze")
    program = tmp_path / "headless"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in sorted({*UNITS, *DEPLOY.glob("*.timer")}):
        text = path.read_text()
        assert path.suffix == ".timer" or "/opt/headless/bin/headless" in text
        (tmp_path / path.name).write_text(text.replace("/opt/headless/bin/headless", str(program)))
    units = [str(path) for path in sorted(tmp_path.glob("headless*.*"))]
    assert len(units) == 3
    if verify is not None:
        done = subprocess.run(
            [verify, "verify", *units], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_timer_starts_a_unit_that_is_there_each_night() -> None:
    (timer,) = DEPLOY.glob("*.timer")
    assert timer.with_suffix(".service") in UNITS
    read = configparser.RawConfigParser()
    read.read(timer)
    assert set(read.sections()) == {"Unit", "Timer", "Install"}
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d", read["Timer"]["oncalendar"])
    assert read["Install"]["wantedby"] == "timers.target"


@pytest.mark.parametrize(
    ("schema", "name"),
    [("compose-spec", "compose.yaml"), ("github-workflows", "github-action.yml")],
)
def test_what_others_read_is_as_their_schema_says(schema: str, name: str, tmp_path: Path) -> None:
    words = ["--builtin-schema", f"vendor.{schema}"]
    found = CliRunner().invoke(check_jsonschema, [*words, str(DEPLOY / name)])
    assert found.exit_code == 0, found.output
    faulty = tmp_path / name
    faulty.write_text(
        (DEPLOY / name)
        .read_text()
        .replace("restart:", "restarts:", 1)
        .replace("runs-on:", "runs-at:", 1)
    )
    assert CliRunner().invoke(check_jsonschema, [*words, str(faulty)]).exit_code == 1


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines
    (command,) = [json.loads(line[4:]) for line in lines if line.startswith("CMD ")]
    fits(command)


def test_each_line_of_the_action_is_a_command_that_exists() -> None:
    action: dict[str, Any] = yaml.safe_load((DEPLOY / "github-action.yml").read_text())
    lines = [
        step["run"]
        for job in action["jobs"].values()
        for step in job["steps"]
        if step.get("run", "").startswith("headless ")
    ]
    assert len(lines) == 4
    for line in lines:
        fits(shlex.split(line.partition(" > ")[0])[1:])


def test_each_panel_and_alert_is_whole() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
    board = json.loads((DEPLOY / "grafana.json").read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_caddy_shows_nobody_what_is_only_for_us() -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    assert text.count("{") == text.count("}")
    assert re.search(r"@inside path /metrics /readyz", text)
