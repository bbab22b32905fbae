"""The verbs that look: they change nothing, and everybody who may look may say them.

Values only; imports `verb`.
"""

from typing import Final

import msgspec

from headless.slack.verbs.verb import (
    CONTACT,
    NAME,
    NAME_OR_ALL,
    SEARCH,
    STATES,
    Argument,
    Verb,
    named,
    source,
)

LOOKING: Final[tuple[Verb, ...]] = (
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
                choices=(*STATES, "active"),
                shown="|".join(STATES),
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
        arguments=(NAME,),
    ),
    Verb(
        name="source",
        sentence="Shows a campaign's text.",
        example="source Welcome",
        aliases=("text", "code"),
        arguments=(NAME,),
    ),
    Verb(
        name="stats",
        sentence="Shows how many came to each step and what became of them.",
        example="stats Welcome",
        aliases=("numbers", "report"),
        arguments=(NAME,),
    ),
    Verb(
        name="log",
        sentence="Shows what was done to a campaign, by whom, and the newest steps in it.",
        example="log Welcome",
        aliases=("history", "journal"),
        arguments=(NAME_OR_ALL,),
        personal=True,
    ),
    Verb(
        name="diagram",
        sentence="Draws a campaign with the counts on its steps.",
        example="diagram Welcome",
        aliases=("picture", "draw", "graph"),
        arguments=(NAME,),
    ),
    Verb(
        name="check",
        sentence="Says what is wrong, or odd, in a campaign or in a text.",
        example="check when opened email Welcome within 3d then add points 10",
        aliases=("validate", "lint"),
        arguments=(named("the name of a campaign, or a text"), source("the text")),
    ),
    Verb(
        name="plan",
        sentence="Says what starting a campaign, or giving it a new text, would do to whom.",
        example="plan Welcome",
        aliases=("preflight",),
        arguments=(
            NAME,
            source("a new text after the colon"),
        ),
    ),
    Verb(
        name="simulate",
        sentence="Runs a campaign on made-up contacts with time compressed, and sends nothing.",
        example="simulate Welcome 30d",
        aliases=("sim", "forecast"),
        arguments=(
            NAME,
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
            NAME,
            msgspec.structs.replace(CONTACT, key="for", before="for"),
        ),
        personal=True,
    ),
    Verb(
        name="diff",
        sentence="Compares two versions of a campaign; without numbers the last two.",
        example="diff Welcome 1 2",
        aliases=("compare", "versions"),
        arguments=(
            NAME,
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
            CONTACT,
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
        arguments=(CONTACT,),
        personal=True,
    ),
    Verb(
        name="emails",
        sentence="Lists the emails.",
        example="emails spring",
        aliases=("email", "mails", "list emails"),
        arguments=(SEARCH,),
    ),
    Verb(
        name="show email",
        sentence="Shows an email: its subject, its text, and the fields that it reads.",
        example="show email Welcome",
        aliases=("show mail", "open email"),
        arguments=(named("the name of an email"),),
    ),
    Verb(
        name="segments",
        sentence="Lists the segments and how many contacts are in each.",
        example="segments",
        aliases=("segment", "list segments", "show segments"),
        arguments=(SEARCH,),
    ),
    Verb(
        name="forms",
        sentence="Lists the forms and what they ask.",
        example="forms",
        aliases=("form", "list forms", "show forms"),
        arguments=(SEARCH,),
    ),
    Verb(
        name="count",
        sentence="Counts the contacts that a condition holds for.",
        example="count points > 50 and country is FR",
        aliases=("how many",),
        arguments=(Argument(key="rest", shape="source", shown="CONDITION", means="a condition"),),
    ),
)
