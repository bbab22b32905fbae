"""Write the part of `docs/slack.md` that lists what can be said, from the table of verbs.

Run it after a verb has changed: `python docs/write_slack_page.py`.
"""

from pathlib import Path
from typing import Final

from headless.slack.verbs import BY_NAME, GROUPS, Verb
from headless.slack.verbs.manifest import SCOPES

PAGE: Final = Path(__file__).parent / "slack.md"
VERBS: Final = ("<!-- verbs -->\n", "<!-- end of verbs -->\n")
ASKED: Final = ("<!-- scopes -->\n", "<!-- end of scopes -->\n")


def verbs() -> str:
    """A section for each group, with what each verb does and who may say it."""
    parts = []
    for title, names in GROUPS.items():
        rows = [_row(BY_NAME[name]) for name in names]
        head = "| Say `/campaign` and | it | needs |\n| --- | --- | --- |\n"
        parts.append(f"### {title}\n\n{head}" + "".join(rows))
    return "\n" + "\n".join(parts) + "\n"


def _row(verb: Verb) -> str:
    usage = verb.usage.replace("|", "\\|")
    also = ", ".join(f"`{alias}`" for alias in verb.aliases)
    more = f" Also {also}." if also else ""
    example = verb.example.replace("|", "\\|")
    return f"| `{usage}` | {verb.sentence}{more}<br>`{example}` | {verb.role} |\n"


def scopes() -> str:
    """What the app asks Slack for, and why."""
    rows = [f"| `{scope}` | {why} |\n" for scope, why in SCOPES.items()]
    return "\n| Scope | Why |\n| --- | --- |\n" + "".join(rows) + "\n"


def written(page: str) -> str:
    """The page with both tables as they are now."""
    for (begin, end), made in ((VERBS, verbs()), (ASKED, scopes())):
        before, _, rest = page.partition(begin)
        after = rest.partition(end)[2]
        page = f"{before}{begin}{made}{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
