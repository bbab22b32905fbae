"""A verb and its arguments, as values, and the arguments that several verbs have.

Computes only; imports `people`.
"""

from typing import Final, Literal

import msgspec

from headless.slack.people.asker import Role

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


def named(means: str = "the name of a campaign", *, optional: bool = False) -> Argument:
    """A name: of a campaign, unless `means` says of what."""
    return Argument(key="name", shape="name", shown="NAME", means=means, optional=optional)


def source(means: str) -> Argument:
    """A text of the language after a colon."""
    return Argument(
        key="rest", shape="source", shown="TEXT", before=":", means=means, optional=True
    )


NAME: Final = named()
NAME_OR_ALL: Final = named(optional=True)
CONTACT: Final = Argument(
    key="contact", shape="contact", shown="EMAIL", means="the address of a contact"
)
REASON: Final = Argument(
    key="reason", shape="text", shown='"…"', before="reason", means="a reason", optional=True
)
SEARCH: Final = Argument(
    key="rest", shape="text", shown="SEARCH", means="a part of the name", optional=True
)
STATES: Final = ("running", "paused", "draft", "stopped", "archived", "mine")
FILTERS: Final = Argument(
    key="filters",
    shape="word",
    choices=("lifecycle", "errors", "milestones"),
    shown="lifecycle errors milestones",
    means="what to tell of",
    optional=True,
    many=True,
)
