"""`help`: what can be said, and how one verb is used."""

from typing import Final

from headless.dsl.near import nearest
from headless.slack.desk.desk import Desk, Handler
from headless.slack.desk.refusals import SAY, Mistaken
from headless.slack.kit import blocks
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker, may
from headless.slack.verbs import BY_NAME, GROUPS, WORDS, Verb
from headless.slack.verbs.parse import Command, Mistake, Suggestion

EXAMPLES: Final = (
    "when opened email Welcome within 3d then add points 10",
    "list running",
    "why ada@example.com",
)


async def help_(_desk: Desk, asker: Asker, command: Command) -> Reply:
    """All verbs, or one."""
    if command.rest:
        return _one(command.rest, asker)
    body: list[Block] = [
        blocks.header("What you can say"),
        blocks.section(
            "Type `/campaign` and one of these, or mention me in a thread. Names of one word need "
            "no quotes. A rule is a command too:\n"
            f"{blocks.quoted('/campaign ' + EXAMPLES[0])}"
        ),
    ]
    for title, names in GROUPS.items():
        verbs = [BY_NAME[name] for name in names]
        lines = [f"*{title}*", *(_line(verb, asker) for verb in verbs)]
        body.append(blocks.section("\n".join(lines)))
    body.append(
        blocks.context(f"You are *{asker.role}*. `/campaign help pause` tells of one verb.")
    )
    told = "What you can say: " + ", ".join(verb.name for verb in BY_NAME.values())
    return Reply(text=told, blocks=blocks.fit(body))


def _line(verb: Verb, asker: Asker) -> str:
    needs = "" if may(asker, verb.role) else f" _({verb.role})_"
    return f"{blocks.quoted(verb.usage)}{needs} {blocks.escape(verb.sentence)}"


def _one(word: str, asker: Asker) -> Reply:
    verb = WORDS.get(" ".join(word.lower().split()))
    if verb is None:
        close = [Suggestion(f"help {name}", safe=True) for name in nearest(word, WORDS)]
        raise Mistaken(
            Mistake(f"there is no verb `{word[:40]}`", "`/campaign help` shows all of them", "help",
                    tuple(close))
        )  # fmt: skip
    lines = [
        f"*{verb.name}* · {blocks.escape(verb.sentence)}",
        f"Say {blocks.quoted('/campaign ' + verb.usage)}",
        f"For example {blocks.quoted('/campaign ' + verb.example)}",
    ]
    if verb.aliases:
        lines.append("Also: " + ", ".join(blocks.quoted(alias) for alias in verb.aliases))
    body: list[Block] = [blocks.section("\n".join(lines))]
    have = "which you have" if may(asker, verb.role) else f"and you are *{asker.role}*"
    body.append(blocks.context(f"It needs the role *{verb.role}*, {have}."))
    if not verb.danger and not any(not one.optional for one in verb.arguments):
        body.append(blocks.actions(blocks.button(f"Say {verb.name}", f"{SAY}:help", verb.name)))
    return Reply(text=f"{verb.name}: {verb.sentence}", blocks=tuple(body))


HANDLERS: Final[dict[str, Handler]] = {"help": help_}
