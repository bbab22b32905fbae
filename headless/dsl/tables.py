"""The parse table that is made from `grammar/campaign.lark`, as plain data.

The table is built ahead of time by `python -m headless.dsl.grammar` and lies beside this file, so
that reading a campaign needs neither the parser generator nor the 300 ms that it takes to build
one. A test fails when the grammar and the table have drifted apart. Imports nothing of ours.
"""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

TABLE_FILE: Final = Path(__file__).with_name("campaign.table.json")


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """One production: `method` builds its value from the symbols that `keep` names.

    `keep` lists indices into the production: -1 stands for an optional part that is absent, and
    -2 - i for a part whose values are taken over one by one. `method` is empty for a production
    that hands on its one value, and `*` for one that hands on all of its values.
    """

    origin: str
    length: int
    method: str
    keep: tuple[int, ...]


class Table(msgspec.Struct, frozen=True):
    """A lexer's pattern and an LALR(1) table.

    `actions[state][terminal]` is the state to shift to, or `-1 - rule` to reduce by a rule;
    `gotos[state][origin]` is the state after a reduction; `words` maps a keyword in lower case to
    its terminal, `phrases` a terminal of several words to how it is written. `soft_names` are the
    keywords that may be bare names, `soft_fields` those that may be bare fields too.
    """

    grammar: str
    pattern: str
    words: dict[str, str]
    phrases: dict[str, str]
    soft_names: tuple[str, ...]
    soft_fields: tuple[str, ...]
    rules: tuple[Rule, ...]
    actions: tuple[dict[str, int], ...]
    gotos: tuple[dict[str, int], ...]
    starts: dict[str, int]
    ends: dict[str, int]


@cache
def table() -> Table:
    """The table of the language as it is shipped, read once."""
    return msgspec.json.decode(TABLE_FILE.read_bytes(), type=Table)


@cache
def spelled() -> dict[str, str]:
    """How each fixed terminal is written: `AND` as `and`, `LPAR` as `(`."""
    return {terminal: word for word, terminal in table().words.items()} | table().phrases
