"""Public ids: an opaque string with a prefix (`con_1m9k…`) for a row's number, and back.

The number is mixed with a fixed odd multiplier modulo 2**64, so that ids neither count nor sort,
and written in Crockford's base 32. That is a disguise and not a secret: every query is scoped to
its workspace all the same. Imports nothing of ours.
"""

from typing import Final, Literal, get_args

Kind = Literal[
    "act", "ast", "aud", "chn", "cmp", "cns", "cnt", "con", "cpy", "dev", "dlv", "eml", "enr",
    "fld", "frm", "imp", "int", "inv", "job", "mem", "msg", "mul", "pag", "psh", "seg", "slt",
    "sms", "snp", "tok", "top", "ver", "whk", "wht", "wrk", "wsp",
]  # fmt: skip

KINDS: Final = frozenset(get_args(Kind))
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES: Final = {char: value for value, char in enumerate(_ALPHABET)}
_SPACE: Final = 2**64
_MIX: Final = 0x9E3779B97F4A7C15
_UNMIX: Final = pow(_MIX, -1, _SPACE)
_LENGTH: Final = 13  # 13 x 5 bits hold 64
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)  # ten bits each


def encode(kind: Kind, number: int) -> str:
    """`("con", 42)` -> `"con_…"`; number from 0 to 2**63 - 1."""
    if not 0 <= number < 2**63:
        raise ValueError(f"no row has the number {number}")
    mixed = number * _MIX % _SPACE
    pair = _PAIRS  # six of them behind the first digit: made for each mail, so without a loop
    return (
        f"{kind}_{_ALPHABET[mixed >> 60]}{pair[mixed >> 50 & 1023]}{pair[mixed >> 40 & 1023]}"
        f"{pair[mixed >> 30 & 1023]}{pair[mixed >> 20 & 1023]}{pair[mixed >> 10 & 1023]}"
        f"{pair[mixed & 1023]}"
    )


def decode(kind: Kind, text: str) -> int | None:
    """The row's number, or None when the text is no id of that kind."""
    prefix, _, digits = text.partition("_")
    if prefix != kind or len(digits) != _LENGTH:
        return None
    mixed = 0
    for char in digits:
        value = _VALUES.get(char)
        if value is None:
            return None
        mixed = mixed << 5 | value
    number = mixed * _UNMIX % _SPACE
    return number if mixed < _SPACE and number < 2**63 else None
