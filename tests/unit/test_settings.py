"""Settings: what the environment may say, and how it is told that it is wrong."""

import stat
from pathlib import Path

import pytest

from headless.settings import Settings, SettingsError, find, kept_secret, load
from headless.settings.table import SETTINGS

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"

A_VALUE = {
    "DATABASE_URL": ("postgresql://ann:secret@db:5432/headless", None),
    "REDIS_URL": ("redis://cache:6379/3", None),
    "HEADLESS_URL": ("https://c.acme.com/", "https://c.acme.com"),
    "HEADLESS_HOST": ("0.0.0.0", None),
    "HEADLESS_PORT": ("9000", 9000),
    "HEADLESS_DATA_DIR": ("/var/lib/headless", Path("/var/lib/headless")),
    "HEADLESS_TOKEN": ("hk_test_abc", None),
    "HEADLESS_SECRET_KEYS": (f"{'a' * 32}, {'b' * 32}", ("a" * 32, "b" * 32)),
    "HEADLESS_SMTP_URL": ("smtp://me:word@mail:587", None),
    "HEADLESS_RETURN_PORT": ("2525", 2525),
    "HEADLESS_SUPPRESSIONS_LOG": ("/srv/told.log", Path("/srv/told.log")),
    "HEADLESS_METRICS": ("[::1]:9090", "[::1]:9090"),
    "HEADLESS_STOP_SECONDS": ("5", 5),
    "HEADLESS_BODY_SECONDS": ("5", 5),
    "HEADLESS_ACTIVITY_MONTHS": ("12", 12),
    "HEADLESS_JOURNAL_MONTHS": ("0", 0),
    "HEADLESS_MESSAGE_MONTHS": ("60", 60),
    "HEADLESS_AUDIT_MONTHS": ("60", 60),
    "HEADLESS_LOG_LEVEL": ("DEBUG", "debug"),
    "HEADLESS_READS_A_MINUTE": ("100", 100),
    "HEADLESS_WRITES_A_MINUTE": ("0", 0),
    "HEADLESS_INGEST_A_MINUTE": ("5", 5),
    "HEADLESS_SLACK_CLIENT_ID": ("1234.5678", None),
    "HEADLESS_SLACK_CLIENT_SECRET": ("new, old", ("new", "old")),
    "HEADLESS_SLACK_SIGNING_SECRET": ("only", ("only",)),
    "HEADLESS_SLACK_APP_TOKEN": ("xapp-1-A", None),
    "HEADLESS_SLACK_API_URL": ("http://localhost:9/api/", "http://localhost:9/api"),
}

NO_VALUE = {
    "DATABASE_URL": ["mysql://db/x", "headless"],
    "REDIS_URL": ["http://cache", "cache:6379"],
    "HEADLESS_URL": ["c.acme.com", "ftp://c.acme.com", "http://c.acme.com:99999"],
    "HEADLESS_HOST": ["two words"],
    "HEADLESS_PORT": ["0", "65536", "http", "8080.5"],
    "HEADLESS_TOKEN": ["two words"],
    "HEADLESS_SECRET_KEYS": ["short", f"{'a' * 32} short", " , "],
    "HEADLESS_SMTP_URL": ["mail:587", "smtp://", "http://mail"],
    "HEADLESS_RETURN_PORT": ["0", "smtp"],
    "HEADLESS_METRICS": ["9090", "127.0.0.1:", "127.0.0.1:70000", "a b:9090"],
    "HEADLESS_BODY_SECONDS": ["0", "-1", "3601", "soon"],
    "HEADLESS_STOP_SECONDS": ["0", "-1", "601", "soon"],
    "HEADLESS_ACTIVITY_MONTHS": ["-1", "1201", "a year"],
    "HEADLESS_JOURNAL_MONTHS": ["-1", "1201"],
    "HEADLESS_MESSAGE_MONTHS": ["1.5"],
    "HEADLESS_AUDIT_MONTHS": ["1.5"],
    "HEADLESS_LOG_LEVEL": ["loud"],
    "HEADLESS_READS_A_MINUTE": ["-1", "many"],
    "HEADLESS_WRITES_A_MINUTE": ["1000001"],
    "HEADLESS_INGEST_A_MINUTE": ["0.5"],
    "HEADLESS_SLACK_CLIENT_ID": ["two words"],
    "HEADLESS_SLACK_CLIENT_SECRET": [" , "],
    "HEADLESS_SLACK_SIGNING_SECRET": [" "],
    "HEADLESS_SLACK_APP_TOKEN": ["xoxb-1", "xapp- 1"],
    "HEADLESS_SLACK_API_URL": ["slack.com"],
}


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load({}) == Settings(
        database_url=None,
        redis_url=None,
        url="http://localhost:8080",
        host="127.0.0.1",
        port=8080,
        data_dir=Path(".headless"),
        token=None,
        secret_keys=(),
        smtp_url=None,
        return_port=None,
        suppressions_log=None,
        metrics=None,
        stop_seconds=20,
        body_seconds=30,
        activity_months=24,
        journal_months=24,
        message_months=0,
        audit_months=24,
        log_level="info",
        reads_a_minute=3000,
        writes_a_minute=1200,
        ingest_a_minute=12000,
        slack_client_id=None,
        slack_client_secret=(),
        slack_signing_secret=(),
        slack_app_token=None,
        slack_api_url="https://slack.com/api",
    )


def test_the_table_and_the_settings_have_the_same_fields() -> None:
    assert [setting.field for setting in SETTINGS] == list(Settings.__struct_fields__)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_each_is_read_from_the_environment_and_from_a_file(setting, tmp_path: Path) -> None:
    text, value = A_VALUE[setting.name]
    expected = text if value is None else value
    assert getattr(load({setting.name: text}), setting.field) == expected
    path = tmp_path / "value"
    path.write_text(text + "\n")
    assert getattr(load({setting.name + "_FILE": str(path)}), setting.field) == expected


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in NO_VALUE.items() for text in texts]
)
def test_a_value_that_does_not_fit_is_told_what_fits(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: text})
    setting = next(setting for setting in SETTINGS if setting.name == name)
    (fault,) = caught.value.faults
    assert fault.startswith(f"`{name}` is `")
    assert fault.endswith(f"but {setting.fits} is needed")


def test_a_secret_that_does_not_fit_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"HEADLESS_SECRET_KEYS": "hunter2", "DATABASE_URL": "mysql://ann:hunter3@db/x"})
    assert "hunter" not in str(caught.value)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"HEADLESS_PORT": "x", "HEADLESS_STOP_SECONDS": "y"})
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("HEADLESS_PROT", "HEADLESS_PORT"),
        ("HEADLESS_SECRET_KEY", "HEADLESS_SECRET_KEYS"),
        ("HEADLESS_TOKEN_FILES", "HEADLESS_TOKEN_FILE"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_one(name: str, nearest: str) -> None:
    with pytest.raises(SettingsError, match=f"no setting `{name}`; did you mean `{nearest}`"):
        load({name: "1"})


def test_other_programs_names_are_left_alone() -> None:
    assert load({"PATH": "/bin", "DATABASE_URLS": "x", "HEADLESSNESS": "x"}) == load({})


def test_a_name_and_its_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="both set"):
        load({"HEADLESS_PORT": "1", "HEADLESS_PORT_FILE": str(tmp_path)})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent.*No such file"):
        load({"HEADLESS_TOKEN_FILE": str(tmp_path / "absent")})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({"HEADLESS_PORT": "", "DATABASE_URL": ""}) == load({})


def test_what_is_shown_masks_secrets_and_passwords() -> None:
    shown = {item.setting.name: item.shown for item in find(dict_of_values())}
    assert shown["HEADLESS_TOKEN"] == shown["HEADLESS_SECRET_KEYS"] == "********"
    assert shown["DATABASE_URL"] == "postgresql://ann:********@db:5432/headless"
    assert shown["HEADLESS_SMTP_URL"] == "smtp://me:********@mail:587"
    assert shown["HEADLESS_PORT"] == "9000"
    assert find({})[0].shown == "(not set)"


def dict_of_values() -> dict[str, str]:
    return {name: text for name, (text, _) in A_VALUE.items()}


def test_where_a_value_came_from_is_told(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("abc")
    found = find({"HEADLESS_TOKEN_FILE": str(path), "HEADLESS_PORT": "1"})
    origins = {item.setting.name: item.origin for item in found}
    assert origins["HEADLESS_TOKEN"] == f"file {path}"
    assert origins["HEADLESS_PORT"] == "environment"
    assert origins["HEADLESS_HOST"] == "default"


def test_the_kept_secret_is_made_once_and_private(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "data")
    assert len(first) >= 32
    assert kept_secret(tmp_path / "data") == first
    assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_docs_list_each_setting_with_its_default_and_sentence(setting) -> None:
    default = f"`{setting.default}`" if setting.default else ""
    row = f"| `{setting.name}` | {default} | {setting.sentence} |".replace("|  |", "| |")
    assert row in DOCS.read_text().splitlines()


def test_docs_list_no_setting_that_does_not_exist() -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(SETTINGS)
