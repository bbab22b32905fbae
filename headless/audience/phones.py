"""Phone numbers: checked by their form and normalised to E.164, without asking anybody.

Pure. A number is written with its country (`+49 151 ...`): which country a bare one belongs to,
nobody here can know.
"""

from functools import lru_cache

import phonenumbers


@lru_cache(maxsize=4096)
def normalised(text: str) -> str:
    """The number as it is kept, `+4915112345678`; raises ValueError saying what is wrong."""
    text = text.strip()
    if not text.startswith(("+", "00")):
        raise ValueError("a phone number begins with its country, such as `+49`")
    try:
        number = phonenumbers.parse("+" + text.removeprefix("+").removeprefix("00"))
    except phonenumbers.NumberParseException as error:
        raise ValueError(f"`{text[:40]}` is no phone number") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"`{text[:40]}` is too long or too short for a phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
