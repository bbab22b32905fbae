"""What a browser reports of a visit, cleaned: addresses, campaign parameters, the device.

Addresses lose our own parameter, passwords and what is too long; the device is read off the user
agent as coarsely as campaigns ask (`on mobile`), never as a fingerprint. Pure.
"""

import re
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from headless.channels.handover import PARAMETER

LONGEST: Final = 2_000
SECONDS_LIMIT: Final = 3_600  # that one report can hold
_UTM: Final = ("source", "medium", "campaign", "term", "content")
_SYSTEMS: Final = (
    ("iPhone", "ios", "mobile", "Apple"),
    ("iPad", "ios", "tablet", "Apple"),
    ("Android", "android", "", None),
    ("Windows", "windows", "desktop", None),
    ("Macintosh", "macos", "desktop", "Apple"),
    ("CrOS", "chromeos", "desktop", None),
    ("Linux", "linux", "desktop", None),
)
_BRAND: Final = re.compile(
    r"\b(Samsung|SM-|Pixel|Xiaomi|Redmi|HUAWEI|OnePlus|Nokia|moto)", re.IGNORECASE
)
_BRANDS: Final = {"sm-": "Samsung", "pixel": "Google", "redmi": "Xiaomi", "moto": "Motorola"}


def address(url: str) -> str | None:
    """An http(s) address as it is kept; None for anything else."""
    if not url.isprintable() or len(url) > 4 * LONGEST:
        return None
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    query = parts.query
    if PARAMETER in query:
        pairs = parse_qsl(query, keep_blank_values=True)
        query = urlencode([(name, value) for name, value in pairs if name != PARAMETER])
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    clean = urlunsplit((parts.scheme, host + port, parts.path or "/", query, parts.fragment))
    return clean[:LONGEST]


def utm(url: str) -> dict[str, str]:
    """The campaign parameters of an address."""
    pairs = dict(parse_qsl(urlsplit(url).query))
    return {
        name: value[:200]
        for name in _UTM
        if (value := pairs.get(f"utm_{name}", "").strip()) and value.isprintable()
    }


def device(agent: str) -> dict[str, str]:
    """Kind, system and brand of a device, as far as its user agent says them."""
    for word, system, kind, brand in _SYSTEMS:
        if word not in agent:
            continue
        if not kind:
            kind = "mobile" if "Mobile" in agent else "tablet"
        named = _BRAND.search(agent)
        if brand is None and named is not None:
            brand = _BRANDS.get(named[1].lower(), named[1].capitalize())
        return {"device": kind, "os": system, **({"brand": brand} if brand else {})}
    return {}


def visit(url: str, referrer: str | None, agent: str) -> dict[str, Any] | None:
    """The properties of a view; None when the address is none."""
    clean = address(url)
    if clean is None:
        return None
    found: dict[str, Any] = {"url": clean, **device(agent)}
    if (from_ := address(referrer or "")) is not None:
        found["referrer"] = from_
    if tagged := utm(clean):
        found["utm"] = tagged
    return found
