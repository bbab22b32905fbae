"""The verbs that do something: write, run, follow, and say who may do what.

Values only; imports `verb`.
"""

from typing import Final

from headless.slack.people.asker import ROLES
from headless.slack.verbs.verb import FILTERS, NAME, REASON, Argument, Verb, named, source

DOING: Final[tuple[Verb, ...]] = (
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
            named("a name for the campaign", optional=True),
            source("the text after the colon"),
        ),
    ),
    Verb(
        name="edit",
        sentence="Opens the editor with a campaign's text.",
        example="edit Welcome",
        role="editor",
        aliases=("change",),
        arguments=(NAME,),
    ),
    Verb(
        name="revert",
        sentence="Goes back to the text of an earlier version, as a new version.",
        example="revert Welcome to 3",
        role="editor",
        aliases=("rollback", "roll back"),
        arguments=(
            NAME,
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
        arguments=(NAME,),
        danger=True,
    ),
    Verb(
        name="test email",
        sentence="Sends an email to yourself as a test.",
        example="test email Welcome to me",
        role="editor",
        aliases=("test mail", "send test email"),
        arguments=(
            named("the name of an email"),
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
        arguments=(NAME, REASON),
        danger=True,
    ),
    Verb(
        name="approve",
        sentence="Agrees to a start that waits for a second person.",
        example="approve Welcome",
        role="approver",
        arguments=(NAME,),
        danger=True,
    ),
    Verb(
        name="decline",
        sentence="Says no to a start that waits for a second person, or takes back your own.",
        example='decline Welcome reason "last year\'s prices"',
        role="editor",
        aliases=("reject",),
        arguments=(NAME, REASON),
        danger=True,
    ),
    Verb(
        name="pause",
        sentence="Holds a running campaign; everybody keeps their place.",
        example='pause Welcome reason "wrong price"',
        role="editor",
        aliases=("suspend",),
        arguments=(NAME, REASON),
        danger=True,
    ),
    Verb(
        name="resume",
        sentence="Lets a paused campaign go on; asks what becomes of waits that came due.",
        example="resume Welcome",
        role="editor",
        aliases=("continue", "unpause"),
        arguments=(NAME, REASON),
        danger=True,
    ),
    Verb(
        name="stop",
        sentence="Ends a campaign for everybody in it, for good.",
        example="stop Welcome",
        role="editor",
        aliases=("end", "finish"),
        arguments=(NAME, REASON),
        danger=True,
    ),
    Verb(
        name="archive",
        sentence="Puts a campaign that is over out of sight.",
        example="archive Welcome",
        role="editor",
        arguments=(NAME, REASON),
        danger=True,
    ),
    Verb(
        name="delete",
        sentence="Throws a draft away that never ran.",
        example="delete Welcome",
        role="editor",
        aliases=("discard",),
        arguments=(NAME, REASON),
        danger=True,
    ),
    Verb(
        name="hold all",
        sentence="Stops all sending at once; campaigns go on, and what they send waits.",
        example='hold all reason "wrong links"',
        role="approver",
        aliases=("hold", "hold everything"),
        arguments=(REASON,),
        danger=True,
    ),
    Verb(
        name="release",
        sentence="Lets the sending go on that `hold all` stopped.",
        example="release",
        role="approver",
        aliases=("release all", "hold off", "unhold"),
        arguments=(REASON,),
        danger=True,
    ),
    # ------------------------------------------------------------ follow
    Verb(
        name="watch",
        sentence="Keeps a card of a campaign in this channel, with news in its thread.",
        example="watch Welcome errors",
        role="editor",
        aliases=("follow",),
        arguments=(NAME, FILTERS),
        danger=True,
    ),
    Verb(
        name="unwatch",
        sentence="Takes the news of a campaign out of this channel.",
        example="unwatch Welcome",
        role="editor",
        aliases=("unfollow",),
        arguments=(NAME, FILTERS),
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
        sentence="Shows and changes how Headless behaves, and from when on two must agree.",
        example="settings approval 5000",
        role="admin",
        aliases=("config", "preferences"),
        arguments=(
            Argument(
                key="rest",
                shape="text",
                shown="approval N|off",
                means="`approval` and a number of contacts, or `off`",
                optional=True,
            ),
        ),
        danger=True,
    ),
)
