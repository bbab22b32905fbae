"""The codes of faults that keep a text from being read: E0xx about characters, E1xx about words.

`codes` puts the table together with the others. Imports nothing of ours.
"""

from typing import Final

import msgspec


class Code(msgspec.Struct, frozen=True):
    """One code: its cause in a few sentences, a faulty text and the same text put right."""

    code: str
    title: str
    cause: str
    example: str
    fixed: str
    chat: bool = False


_DEEP: Final = 40

READING: Final = (
    Code(
        "E001",
        "quoted text without an end",
        "A name or a text in quotes ends on the line where it began.",
        'send email "Welcome\nwait 3d',
        'send email "Welcome"\nwait 3d',
    ),
    Code(
        "E002",
        "single quotes",
        "Names and texts stand in double quotes. Single quotes are apostrophes.",
        "send email 'Welcome'",
        'send email "Welcome"',
    ),
    Code(
        "E003",
        "a character without a meaning",
        "Outside of quotes the language uses letters, digits, signs of comparison and `: , ; ( ) "
        "#`.",
        "send email Welcome @ 9:00",
        "wait until 09:00\nsend email Welcome",
    ),
    Code(
        "E004",
        "a character that turns the direction of the text",
        "Some invisible characters make a text read differently from what it does. They come in by "
        "copying, or on purpose; none is accepted, not even inside quotes.",
        'note "pay \u202e99"',
        'note "pay 99"',
    ),
    Code(
        "E005",
        "a text that is too long",
        "A campaign is a page of text, not a data file: lists of people or products belong into "
        "segments and fields.",
        'note "the same again"\n' * 20_000,
        'note "once"',
    ),
    Code(
        "E006",
        "blocks nested too deep",
        "No person follows more than a few blocks inside one another, so 32 are the most. A "
        "question inside a question is often one question with `and`.",
        "if points > 1 do " * _DEEP + "exit" + " end" * _DEEP,
        "if points > 1 and points > 2 then exit",
    ),
    Code(
        "E007",
        "a comment in a message of one line",
        "A chat puts everything on one line, so what follows `#` would be lost.",
        "send email Welcome # then points, add points 5",
        'send email Welcome note "then points" add points 5',
        chat=True,
    ),
    Code(
        "E008",
        "a character that cannot be stored",
        "Control characters and broken halves of a character come in by copying. They cannot be "
        "seen, and no database keeps them.",
        'note "tab\u0001le"',
        'note "table"',
    ),
    Code(
        "E009",
        "more steps than a campaign may have",
        "A campaign has at most 2,000 steps, so that it can be checked while somebody waits and "
        "drawn so that somebody can read it.",
        'note "again"\n' * 2_001,
        'repeat 2001 times do note "again" end',
    ),
    Code(
        "E100",
        "something else was expected",
        "The text cannot go on like this; the message lists what can stand here.",
        "at 09:00 send email Tips",
        "wait until 09:00\nsend email Tips",
    ),
    Code(
        "E101",
        "a block without its end",
        "Each `do` needs an `end` of its own, on a line of its own below it.",
        "when opened email Welcome within 3d do\n  add points 10\n",
        "when opened email Welcome within 3d do\n  add points 10\nend\n",
    ),
    Code(
        "E102",
        "an end without a block",
        "`then` with steps on one line needs no `end`; only `do` does.",
        "send email Welcome\nend",
        "send email Welcome",
    ),
    Code(
        "E103",
        "else if",
        "A chain of questions is written `or if`, a chain of things to wait for `or when`, so that "
        "an `else` never has two readings.",
        "if points > 10 then add tag hot else if points > 5 then add tag warm",
        "if points > 10 then add tag hot or if points > 5 then add tag warm",
    ),
    Code(
        "E104",
        "an else after a semicolon",
        "`;` ends a question on one line. What follows cannot answer it any more.",
        "if points > 5 then exit; else add points 5",
        "if points > 5 then exit else add points 5",
    ),
    Code(
        "E105",
        "an else that answers nothing",
        "`else` answers the nearest open `when` or `if`; here none is open.",
        "send email Welcome\nelse send email Tips",
        "if points > 5 then send email Welcome else send email Tips",
    ),
    Code(
        "E106",
        "a setting behind a step",
        "Settings hold for the whole campaign, so they stand above the first step. To leave the "
        "campaign in the middle, write `exit`.",
        "send email Welcome\nlimit 2 emails per week",
        "limit 2 emails per week\nsend email Welcome",
    ),
    Code(
        "E107",
        "a setting given twice",
        "Each setting stands once; two of them could contradict each other.",
        "priority 1\npriority 2\nsend email Welcome",
        "priority 2\nsend email Welcome",
    ),
    Code(
        "E108",
        "a time of day without minutes",
        "Times are written with hours and minutes, from 00:00 to 23:59.",
        "every monday at 9 do send email Tips end",
        "every monday at 09:00 do send email Tips end",
    ),
    Code(
        "E109",
        "an unknown unit of time",
        "Lengths of time are counted in weeks, days, hours, minutes, seconds or months.",
        "wait 2 fortnights",
        "wait 4 weeks",
    ),
    Code(
        "E110",
        "a length of time without a unit",
        "A bare number could mean days, hours or minutes, and nobody should have to guess.",
        "when opened email Welcome within 3 then add points 10",
        "when opened email Welcome within 3d then add points 10",
    ),
    Code(
        "E111",
        "no length of time",
        "Here a number and a unit are needed, such as `3d` or `90m`.",
        "when opened email Welcome within three days then add points 10",
        "when opened email Welcome within 3 days then add points 10",
    ),
    Code(
        "E112",
        "if with within",
        "`if` asks at once, about now and the past; `within` waits for the future. To wait for it, "
        "write `when`; to ask whether it has happened, write `in last 3d`.",
        "if opened email Welcome within 3d then exit",
        "when opened email Welcome within 3d then exit",
    ),
    Code(
        "E113",
        "waiting for a state",
        "`when` waits for something that happens. A state holds or it does not: ask with `if`, or "
        "wait for the change of it.",
        "when points > 10 then add tag hot",
        "when reached 10 points then add tag hot",
    ),
    Code(
        "E114",
        "a block in a branch of one line",
        "After `then` come simple steps on one line. For a question inside a question write `do` "
        "and `end`, so that it is clear what belongs to which.",
        "when opened email Welcome within 3d then if points > 5 then add tag hot",
        "when opened email Welcome within 3d do if points > 5 then add tag hot; end",
    ),
    Code(
        "E115",
        "a reserved word as a name",
        "About seventy words begin a step or join its parts. As names they need quotes.",
        "send email until",
        "send email Welcome",
    ),
    Code(
        "E116",
        "a missing name",
        "The text does not say which one is meant. Its name follows the noun, or `any` stands "
        "before it.",
        "when opened email within 3d then add points 10",
        "when opened email Welcome within 3d then add points 10",
    ),
    Code(
        "E117",
        "a name of several words",
        "A name with a blank in it stands in quotes; without them, each word would be one of its "
        "own.",
        "add tag hot lead",
        'add tag "hot lead"',
    ),
    Code(
        "E118",
        "points without a verb",
        "Points are added or removed; a number alone could mean either.",
        "when opened email Welcome within 3d then points 10",
        "when opened email Welcome within 3d then add points 10",
    ),
    Code(
        "E119",
        "a question without an answer",
        "After a condition or an event comes `then` with one or two steps, or `do` and a block.",
        "when opened email Welcome within 3d add points 10",
        "when opened email Welcome within 3d then add points 10",
    ),
    Code(
        "E120",
        "an unknown word",
        "The word is none of the language's; the message names the one that was probably meant.",
        "when opned email Welcome within 3d then add points 10",
        "when opened email Welcome within 3d then add points 10",
    ),
    Code(
        "E121",
        "no step",
        "A campaign does at least one thing.",
        "campaign Spring\nfrom segment Leads",
        "campaign Spring\nfrom segment Leads\nsend email Welcome",
    ),
    Code(
        "E122",
        "a date or time that does not exist",
        "Dates are days of the calendar, written as year, month and day.",
        "wait until 2026-02-30",
        "wait until 2026-02-28",
    ),
    Code(
        "E123",
        "a number that is too large",
        "A hundred years are the most that anything lasts here.",
        "wait 500000000d",
        "wait 50d",
    ),
    Code(
        "E124",
        "a word that begins with a digit",
        "A digit begins a number, a date, a time or a length of time, and this is none of them. "
        "If it is a name, it needs quotes.",
        "add tag 3rd-mail",
        'add tag "3rd-mail"',
    ),
    Code(
        "E125",
        "a missing word",
        "With one more word the text would be right; the message says which, and where.",
        "intro: send email Welcome\nwait 1d\njump intro at most 2 times",
        "intro: send email Welcome\nwait 1d\njump to intro at most 2 times",
    ),
    Code(
        "E126",
        "a missing step",
        "A comma or a colon announces a step that does not come.",
        "when opened email Welcome within 3d then add points 10,",
        "when opened email Welcome within 3d then add points 10",
    ),
    Code(
        "E127",
        "one word too many",
        "Without it the text would be right. There are no filler words: each word means something.",
        "wait until next monday",
        "wait until monday",
    ),
    Code(
        "E128",
        "an empty name",
        "Nothing stands between the quotes, so there is nothing to look for.",
        'send email ""',
        "send email Welcome",
    ),
    Code(
        "E129",
        "an edition of the language that is not known",
        "`language` says in which edition a text is written; this server knows edition 1.",
        "language 7\nsend email Welcome",
        "language 1\nsend email Welcome",
    ),
    Code(
        "E130",
        "an indentation that says something else",
        "White space never changes the meaning. Where it contradicts the structure, one of the two "
        "is a mistake, and the text is not accepted until they agree.",
        "when opened email Welcome within 3d then\n  add points 10\n  add tag hot\nwait 7d",
        "when opened email Welcome within 3d do\n  add points 10\n  add tag hot\nend\nwait 7d",
    ),
    Code(
        "E131",
        "two words in the wrong order",
        "The verb comes first, then what it is about.",
        "email send Welcome",
        "send email Welcome",
    ),
    Code(
        "E132",
        "a bracket that is never closed",
        "Each `(` needs a `)` behind the condition or the values that it holds.",
        "from segment Leads where (points > 5\nsend email Welcome",
        "from segment Leads where (points > 5)\nsend email Welcome",
    ),
    Code(
        "E133",
        "a label where none can stand",
        "A label names a step of its own line. A step in a branch on one line has none, and no "
        "step has two.",
        "if points > 5 then here: exit",
        "if points > 5 do here: exit end",
    ),
    Code(
        "E134",
        "a not inside what is waited for",
        "`not` stands before all that a `when` waits for, since only a deadline can answer it.",
        "when opened email Welcome or not clicked email Welcome within 3d then exit",
        "when not clicked email Welcome within 3d then exit",
    ),
)
"""E001 to E1xx."""
