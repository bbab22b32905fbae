"""Email addresses: checked by their form and normalised, without asking anybody.

Pure. The domain is lower-cased and checked once for all addresses in it; a plain local part is
recognised by pattern, everything else goes through email-validator whole.
"""

import re
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

_PLAIN_LOCAL: Final = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_LONGEST_LOCAL: Final = 64
_LONGEST: Final = 254


def normalised(text: str) -> str:
    """The address as it is kept; raises ValueError with a sentence that says what is wrong."""
    text = text.strip()
    local, at, domain = text.rpartition("@")
    if (
        at
        and len(text) <= _LONGEST
        and len(local) <= _LONGEST_LOCAL
        and _PLAIN_LOCAL.fullmatch(local)
    ):
        return f"{local}@{_domain(domain)}"
    return _whole(text)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    return _whole(f"x@{domain}")[2:]


def _whole(text: str) -> str:
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        said = str(error).rstrip(".")
        raise ValueError(said[:1].lower() + said[1:]) from error
    if len(found.local_part) > _LONGEST_LOCAL:
        raise ValueError(f"what stands before the @ has {_LONGEST_LOCAL} characters at most")
    return found.normalized
