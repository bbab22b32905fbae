"""The verbs: everything that can be said to Headless in Slack, in one table.

The parser, the help, the manifest's hint, the docs and the tests are made from `VERBS`; who adds a
verb adds a line here, a handler, and its three tests. Computes only; imports `people`.
"""

from typing import Final, Literal

import msgspec

from headless.slack.people import ROLES, Role

Shape = Literal["name", "contact", "person", "number", "length", "word", "text", "source"]


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a verb, as it is shown, read and missed.

    `key` is its place in `Command.options`; `name` and `rest` go to the command's own members.
    `before` are the words that stand before it, `choices` all that fit; `many` of them may stand
    there. `means` ends the sentence "this needs ...".
    """

    key: str
    shape: Shape
    means: str
    shown: str = ""
    before: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False
    many: bool = False

    @property
    def usage(self) -> str:
        """As the help shows it: `[reason "…"]`."""
        shown = self.shown or "|".join(self.choices) or self.key.upper()
        whole = f"{self.before} {shown}".strip()
        return f"[{whole}]" if self.optional else whole


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say; `danger` that it changes something, `personal` that it shows contact data.

    `example` is a whole command without `/campaign`, `sentence` what it does.
    """

    name: str
    sentence: str
    example: str
    role: Role = "viewer"
    aliases: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    danger: bool = False
    personal: bool = False

    @property
    def usage(self) -> str:
        """The verb with its arguments: `pause NAME [reason "…"]`."""
        return " ".join([self.name, *(one.usage for one in self.arguments)])


def _name(means: str = "the name of a campaign", *, optional: bool = False) -> Argument:
    return Argument(key="name", shape="name", shown="NAME", means=means, optional=optional)


def _source(means: str) -> Argument:
    return Argument(
        key="rest", shape="source", shown="TEXT", before=":", means=means, optional=True
    )


_NAME: Final = _name()
_NAME_OR_ALL: Final = _name(optional=True)
_CONTACT: Final = Argument(
    key="contact", shape="contact", shown="EMAIL", means="the address of a contact"
)
_REASON: Final = Argument(
    key="reason", shape="text", shown='"…"', before="reason", means="a reason", optional=True
)
_SEARCH: Final = Argument(
    key="rest", shape="text", shown="SEARCH", means="a part of the name", optional=True
)
_STATES: Final = ("running", "paused", "draft", "stopped", "archived", "mine")
_FILTERS: Final = Argument(
    key="filters",
    shape="word",
    choices=("lifecycle", "errors", "milestones"),
    shown="lifecycle errors milestones",
    means="what to tell of",
    optional=True,
    many=True,
)

VERBS: Final[tuple[Verb, ...]] = (
    Verb(
        name="home",
        sentence="Shows what runs, what needs you, and what to do next.",
        example="home",
        aliases=("dashboard",),
    ),
    Verb(
        name="help",
        sentence="Shows what can be said, or how one verb is used.",
        example="help pause",
        aliases=("?", "commands", "usage"),
        arguments=(
            Argument(
                key="rest", shape="text", shown="VERB", means="one of the verbs", optional=True
            ),
        ),
    ),
    # ------------------------------------------------------------ look
    Verb(
        name="list",
        sentence="Lists the campaigns, all of them or those in one state.",
        example="list running",
        aliases=("ls", "campaigns"),
        arguments=(
            Argument(
                key="state",
                shape="word",
                choices=(*_STATES, "active"),
                shown="|".join(_STATES),
                means="a state",
                optional=True,
            ),
        ),
    ),
    Verb(
        name="show",
        sentence="Shows a campaign: its state, what it does, and its numbers.",
        example="show Welcome",
        aliases=("status", "open", "info"),
        arguments=(_NAME,),
    ),
    Verb(
        name="source",
        sentence="Shows a campaign's text.",
        example="source Welcome",
        aliases=("text", "code"),
        arguments=(_NAME,),
    ),
    Verb(
        name="stats",
        sentence="Shows how many came to each step and what became of them.",
        example="stats Welcome",
        aliases=("numbers", "report"),
        arguments=(_NAME,),
    ),
    Verb(
        name="log",
        sentence="Shows what was done to a campaign, by whom, and the newest steps in it.",
        example="log Welcome",
        aliases=("history", "journal"),
        arguments=(_NAME_OR_ALL,),
        personal=True,
    ),
    Verb(
        name="diagram",
        sentence="Draws a campaign with the counts on its steps.",
        example="diagram Welcome",
        aliases=("picture", "draw", "graph"),
        arguments=(_NAME,),
    ),
    Verb(
        name="check",
        sentence="Says what is wrong, or odd, in a campaign or in a text.",
        example="check when opened email Welcome within 3d then add points 10",
        aliases=("validate", "lint"),
        arguments=(_name("the name of a campaign, or a text"), _source("the text")),
    ),
    Verb(
        name="plan",
        sentence="Says what starting a campaign, or giving it a new text, would do to whom.",
        example="plan Welcome",
        aliases=("preflight",),
        arguments=(
            _NAME,
            _source("a new text after the colon"),
        ),
    ),
    Verb(
        name="simulate",
        sentence="Runs a campaign on made-up contacts with time compressed, and sends nothing.",
        example="simulate Welcome 30d",
        aliases=("sim", "forecast"),
        arguments=(
            _NAME,
            Argument(
                key="length",
                shape="length",
                shown="30d",
                means="a length of time, such as 30d",
                optional=True,
            ),
        ),
    ),
    Verb(
        name="preview",
        sentence="Shows what one contact would get from a campaign.",
        example="preview Welcome for ada@example.com",
        arguments=(
            _NAME,
            msgspec.structs.replace(_CONTACT, key="for", before="for"),
        ),
        personal=True,
    ),
    Verb(
        name="diff",
        sentence="Compares two versions of a campaign; without numbers the last two.",
        example="diff Welcome 1 2",
        aliases=("compare", "versions"),
        arguments=(
            _NAME,
            Argument(
                key="from", shape="number", shown="N", means="a version's number", optional=True
            ),
            Argument(
                key="to", shape="number", shown="M", means="a version's number", optional=True
            ),
        ),
    ),
    Verb(
        name="why",
        sentence="Says what happened to a contact, step by step, and for what reason.",
        example="why ada@example.com did not get Tips in Welcome",
        arguments=(
            _CONTACT,
            Argument(
                key="got",
                shape="name",
                shown="MAIL",
                before="got",
                means="the name of an email",
                optional=True,
            ),
            Argument(
                key="did not get",
                shape="name",
                shown="MAIL",
                before="did not get",
                means="the name of an email",
                optional=True,
            ),
            Argument(
                key="in",
                shape="name",
                shown="NAME",
                before="in",
                means="the name of a campaign",
                optional=True,
            ),
        ),
        personal=True,
    ),
    Verb(
        name="where",
        sentence="Says in which campaigns a contact stands now, and what it waits for.",
        example="where ada@example.com",
        aliases=("find",),
        arguments=(_CONTACT,),
        personal=True,
    ),
    Verb(
        name="emails",
        sentence="Lists the emails.",
        example="emails spring",
        aliases=("email", "mails", "list emails"),
        arguments=(_SEARCH,),
    ),
    Verb(
        name="show email",
        sentence="Shows an email: its subject, its text, and the fields that it reads.",
        example="show email Welcome",
        aliases=("show mail", "open email"),
        arguments=(_name("the name of an email"),),
    ),
    Verb(
        name="segments",
        sentence="Lists the segments and how many contacts are in each.",
        example="segments",
        aliases=("segment", "list segments", "show segments"),
        arguments=(_SEARCH,),
    ),
    Verb(
        name="forms",
        sentence="Lists the forms and what they ask.",
        example="forms",
        aliases=("form", "list forms", "show forms"),
        arguments=(_SEARCH,),
    ),
    Verb(
        name="count",
        sentence="Counts the contacts that a condition holds for.",
        example="count points > 50 and country is FR",
        aliases=("how many",),
        arguments=(Argument(key="rest", shape="source", shown="CONDITION", means="a condition"),),
    ),
    # ------------------------------------------------------------ write
    Verb(
        name="rule",
        sentence="Makes a draft of a rule. The word can be left out: a rule is a command too.",
        example="when opened email Welcome within 3d then add points 10",
        role="editor",
        arguments=(Argument(key="rest", shape="source", shown="RULE", means="a rule"),),
        danger=True,
    ),
    Verb(
        name="new",
        sentence="Opens the editor for a new campaign, or makes a draft of a text on one line.",
        example='new "Spring sale": from segment VIP send email Spring',
        role="editor",
        aliases=("create", "draft"),
        arguments=(
            _name("a name for the campaign", optional=True),
            _source("the text after the colon"),
        ),
    ),
    Verb(
        name="edit",
        sentence="Opens the editor with a campaign's text.",
        example="edit Welcome",
        role="editor",
        aliases=("change",),
        arguments=(_NAME,),
    ),
    Verb(
        name="revert",
        sentence="Goes back to the text of an earlier version, as a new version.",
        example="revert Welcome to 3",
        role="editor",
        aliases=("rollback", "roll back"),
        arguments=(
            _NAME,
            Argument(
                key="to", shape="number", shown="N", before="to", means="the number of a version"
            ),
        ),
        danger=True,
    ),
    # ------------------------------------------------------------ run
    Verb(
        name="try",
        sentence="Runs a campaign on yourself: a day takes a minute, and nothing is counted.",
        example="try Welcome",
        role="editor",
        aliases=("try out",),
        arguments=(_NAME,),
        danger=True,
    ),
    Verb(
        name="test email",
        sentence="Sends an email to yourself as a test.",
        example="test email Welcome to me",
        role="editor",
        aliases=("test mail", "send test email"),
        arguments=(
            _name("the name of an email"),
            Argument(
                key="to",
                shape="contact",
                shown="me",
                before="to",
                means="`me`, or an address of your own",
                optional=True,
            ),
        ),
        danger=True,
    ),
    Verb(
        name="start",
        sentence="Shows the plan, then starts a campaign when you agree to it.",
        example="start Welcome",
        role="editor",
        aliases=("launch", "activate"),
        arguments=(_NAME, _REASON),
        danger=True,
    ),
    Verb(
        name="approve",
        sentence="Agrees to a start that waits for a second person.",
        example="approve Welcome",
        role="approver",
        arguments=(_NAME,),
        danger=True,
    ),
    Verb(
        name="pause",
        sentence="Holds a running campaign; everybody keeps their place.",
        example='pause Welcome reason "wrong price"',
        role="editor",
        aliases=("suspend",),
        arguments=(_NAME, _REASON),
        danger=True,
    ),
    Verb(
        name="resume",
        sentence="Lets a paused campaign go on; asks what becomes of waits that came due.",
        example="resume Welcome",
        role="editor",
        aliases=("continue", "unpause"),
        arguments=(_NAME, _REASON),
        danger=True,
    ),
    Verb(
        name="stop",
        sentence="Ends a campaign for everybody in it, for good.",
        example="stop Welcome",
        role="editor",
        aliases=("end", "finish"),
        arguments=(_NAME, _REASON),
        danger=True,
    ),
    Verb(
        name="archive",
        sentence="Puts a campaign that is over out of sight.",
        example="archive Welcome",
        role="editor",
        arguments=(_NAME, _REASON),
        danger=True,
    ),
    Verb(
        name="delete",
        sentence="Throws a draft away that never ran.",
        example="delete Welcome",
        role="editor",
        aliases=("discard",),
        arguments=(_NAME, _REASON),
        danger=True,
    ),
    Verb(
        name="hold all",
        sentence="Stops all sending at once; campaigns go on, and what they send waits.",
        example='hold all reason "wrong links"',
        role="approver",
        aliases=("hold", "hold everything"),
        arguments=(_REASON,),
        danger=True,
    ),
    Verb(
        name="release",
        sentence="Lets the sending go on that `hold all` stopped.",
        example="release",
        role="approver",
        aliases=("release all", "hold off", "unhold"),
        arguments=(_REASON,),
        danger=True,
    ),
    # ------------------------------------------------------------ follow
    Verb(
        name="watch",
        sentence="Keeps a card of a campaign in this channel, with news in its thread.",
        example="watch Welcome errors",
        role="editor",
        aliases=("follow",),
        arguments=(_NAME, _FILTERS),
        danger=True,
    ),
    Verb(
        name="unwatch",
        sentence="Takes the news of a campaign out of this channel.",
        example="unwatch Welcome",
        role="editor",
        aliases=("unfollow",),
        arguments=(_NAME, _FILTERS),
        danger=True,
    ),
    Verb(
        name="digest",
        sentence="Sends a summary of the week to this channel, or stops that.",
        example="digest weekly monday 09:00",
        role="editor",
        arguments=(
            Argument(
                key="rest",
                shape="text",
                shown="weekly monday 09:00|off",
                means="`weekly`, a day and a time, or `off`",
                optional=True,
            ),
        ),
        danger=True,
    ),
    # ------------------------------------------------------------ people
    Verb(
        name="role",
        sentence="Says who may do what, or gives somebody a role.",
        example="role @ann editor",
        role="admin",
        aliases=("roles", "grant"),
        arguments=(
            Argument(
                key="person",
                shape="person",
                shown="@person",
                means="a person, as @ann",
                optional=True,
            ),
            Argument(
                key="role",
                shape="word",
                choices=(*ROLES, "none"),
                shown="|".join(ROLES),
                means="a role: viewer, editor, approver or admin",
                optional=True,
            ),
        ),
        danger=True,
    ),
    Verb(
        name="link",
        sentence="Ties your Slack account to your account in Headless.",
        example="link",
        aliases=("login", "connect"),
    ),
    Verb(
        name="unlink",
        sentence="Unties your Slack account from your account in Headless.",
        example="unlink",
        aliases=("logout", "disconnect"),
        danger=True,
    ),
    Verb(
        name="whoami",
        sentence="Says who you are here, what you may do, and in whose time zone you read.",
        example="whoami",
        aliases=("me", "who am i"),
    ),
    Verb(
        name="settings",
        sentence="Shows and changes how Headless behaves in Slack.",
        example="settings",
        role="admin",
        aliases=("config", "preferences"),
        arguments=(
            Argument(
                key="rest",
                shape="text",
                shown="NAME VALUE",
                means="a setting and its value",
                optional=True,
            ),
        ),
    ),
)

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
        *("try", "start", "approve", "pause", "resume", "stop", "archive", "delete"),
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


def command(verb: Verb | str, rest: str = "") -> str:
    """What to type: `/campaign pause Welcome`."""
    said = verb if isinstance(verb, str) else verb.name
    return f"/campaign {said} {rest}".rstrip()
