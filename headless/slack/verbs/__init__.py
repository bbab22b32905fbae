"""The verbs: everything that can be said to Headless in Slack, in one table.

The parser, the help, the manifest's hint, the docs and the tests are made from `VERBS`; who adds a
verb adds a line here, a handler, and its three tests. Computes only; imports `people`.
"""

from typing import Final

from headless.slack.verbs.doing import DOING
from headless.slack.verbs.looking import LOOKING
from headless.slack.verbs.verb import Argument, Verb

__all__ = ["BY_NAME", "GROUPS", "OPENERS", "VERBS", "WORDS", "Argument", "Verb"]

VERBS: Final[tuple[Verb, ...]] = (*LOOKING, *DOING)
BY_NAME: Final[dict[str, Verb]] = {verb.name: verb for verb in VERBS}
WORDS: Final[dict[str, Verb]] = {
    word: verb for verb in VERBS for word in (verb.name, *verb.aliases)
}
"""Every word, or words, that a command can begin with, in lower case."""
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Look": (
        *("home", "help", "list", "show", "source", "stats", "log", "diagram"),
        *("check", "plan", "simulate", "diff"),
    ),
    "Contacts": ("why", "where", "preview", "count"),
    "Emails, segments, forms": ("emails", "show email", "test email", "segments", "forms"),
    "Write": ("rule", "new", "edit", "revert"),
    "Run": (
        *("try", "start", "approve", "decline", "pause", "resume", "stop", "archive", "delete"),
        *("hold all", "release"),
    ),
    "Follow": ("watch", "unwatch", "digest"),
    "People": ("role", "link", "unlink", "whoami", "settings"),
}
"""The verbs as the help and the docs show them; every verb is in one group."""
OPENERS: Final = frozenset(
    {
        *("campaign", "language", "from", "start when", "stop when", "active", "time zone"),
        *("quiet hours", "quiet days", "limit", "re-entry", "goal", "priority", "owned by"),
        *("when", "whenever", "if", "send", "wait", "add", "remove", "set", "clear", "split"),
        *("parallel", "repeat", "every", "move to", "push to", "note", "exit"),
    }
)
"""The words of the language that a text can begin with: what begins so is a rule."""
