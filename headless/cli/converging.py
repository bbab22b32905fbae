"""Converging: what has to be done so that a workspace is as its folder says, and doing it.

A plan is data with a hash over everything it rests on; `carry_out` does exactly that plan. Talks to
the API only.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from headless.cli.client import Client, Refused, segment
from headless.cli.folder import FOLDERS, Kind, Piece, digest, path_of
from headless.cli.output import Exit, Failure

Action = Literal["new", "changed", "unchanged", "gone"]
_PARTS: Final = ("subject", "html", "mjml", "text", "sender", "reply_to", "topic")
_ALIVE: Final = ("running", "paused")
_PATHS: Final[dict[Kind, str]] = {
    "snippet": "/v1/snippets",
    "sms": "/v1/sms",
    "email": "/v1/emails",
}
"""Components that are saved whole."""


class Remote(msgspec.Struct, frozen=True):
    """A piece as the server has it; `state` and `version` where it has them."""

    piece: Piece
    state: str = ""
    version: int = 0
    tag: str = ""


class Change(msgspec.Struct, frozen=True):
    """What becomes of one piece.

    `before` is the digest of what the server had, `people` the hash of what a campaign's new text
    does to those inside, `says` the same in words.
    """

    action: Action
    kind: Kind
    name: str
    path: str
    content: dict[str, str] = {}
    before: str = ""
    state: str = ""
    version: int = 0
    people: str = ""
    says: str = ""


class Plan(msgspec.Struct, frozen=True):
    """Everything that is to happen at one address, and the hash that stands for exactly this."""

    url: str
    changes: tuple[Change, ...]
    hash: str = ""
    format: int = 1

    @property
    def pending(self) -> tuple[Change, ...]:
        """What would be done."""
        return tuple(each for each in self.changes if each.action in ("new", "changed"))


def sealed(url: str, changes: Sequence[Change]) -> Plan:
    """A plan with its hash."""
    rests = [
        (each.action, each.kind, each.name, digest(each.content), each.before, each.people)
        for each in changes
        if each.action in ("new", "changed")
    ]
    number = hashlib.sha256(msgspec.json.encode([url, rests])).hexdigest()
    return Plan(url, tuple(changes), f"sha256:{number}")


def remote(client: Client) -> dict[tuple[Kind, str], Remote]:
    """Everything that a folder can hold, as the server has it, by kind and name in lower case."""
    found = [
        _remote("segment", each["name"], {"condition": each["condition"].strip()})
        for each in client.pages("/v1/segments")
        if each["condition"] is not None
    ]
    for kind in ("snippet", "sms"):
        for row in client.pages(_PATHS[kind]):
            one = client.get(f"{_PATHS[kind]}/{row['id']}")
            found.append(_remote(kind, one["name"], {"body": one["body"]}, version=one["version"]))
    for row in client.pages("/v1/emails"):
        answered = client.ask("GET", f"/v1/emails/{row['id']}")
        email = answered.json()
        parts = {part: email[part] for part in _PARTS if email.get(part)}
        if parts.get("mjml"):
            parts.pop("html", None)  # it is made of the mjml
        tag = answered.headers.get("etag", "")
        found.append(_remote("email", email["name"], parts, version=email["version"], tag=tag))
    for row in client.pages("/v1/campaigns"):
        answered = client.ask("GET", f"/v1/campaigns/{row['id']}")
        one = answered.json()
        found.append(
            _remote(
                "campaign", one["name"], {"source": one["source"]}, state=one["state"],
                version=one["version"], tag=answered.headers.get("etag", ""),
            )
        )  # fmt: skip
    return {(each.piece.kind, each.piece.name.lower()): each for each in found}


def _remote(kind: Kind, name: str, content: dict[str, str], **more: Any) -> Remote:
    return Remote(Piece(kind, name, path_of(kind, name, content), content), **more)


def compare(
    client: Client, local: Iterable[Piece], there: Mapping[tuple[Kind, str], Remote],
    kinds: Sequence[Kind],
) -> Plan:  # fmt: skip
    """What makes the server as the folder is; what the folder lacks is `gone`."""
    pieces = list(local)
    changes = [_change(piece, there.get((piece.kind, piece.name.lower()))) for piece in pieces]
    named = {(piece.kind, piece.name.lower()) for piece in pieces}
    fresh = any(each.action == "new" and each.kind != "campaign" for each in changes)
    told = [_with_people(client, each, fresh=fresh) for each in changes]
    told += [
        Change("gone", each.piece.kind, each.piece.name, each.piece.path, state=each.state)
        for key, each in there.items()
        if key not in named and each.piece.kind in kinds and each.state != "stopped"
    ]
    order = list(FOLDERS)
    told.sort(key=lambda each: (order.index(each.kind), each.path))
    return sealed(str(client.http.base_url), told)


def _change(piece: Piece, known: Remote | None) -> Change:
    if known is None:
        return Change("new", piece.kind, piece.name, piece.path, piece.content)
    before = known.piece.digest
    if _same(piece.content, known.piece.content):
        return Change("unchanged", piece.kind, piece.name, piece.path, before=before)
    if known.state == "stopped":
        raise Failure(
            f"{piece.path} is the campaign `{piece.name}`, which has stopped for good",
            "give the new text another name",
            Exit.CONFLICT,
        )
    return Change(
        "changed", piece.kind, piece.name, piece.path, piece.content, before,
        state=known.state, version=known.version,
    )  # fmt: skip


def _same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two contents say the same, but for space at their ends."""
    names = {name for each in (one, other) for name, text in each.items() if text}
    return all(one.get(name, "").strip() == other.get(name, "").strip() for name in names)


def _with_people(client: Client, change: Change, *, fresh: bool) -> Change:
    """A running campaign's change with what it does to those inside.

    Where the text needs what is not stored yet (`fresh`), that is known only afterwards.
    """
    if change.kind != "campaign" or change.action != "changed" or change.state not in _ALIVE:
        return change
    path = f"/v1/campaigns/{segment(change.name)}/plan"
    body = {"source": change.content["source"]}
    try:
        told = client.post(path, body)
    except Refused as refused:
        if fresh and refused.problem.get("code") == "invalid_text":
            words = "what it does to those inside is known when the rest is stored"
            return msgspec.structs.replace(change, says=words)
        raise
    if told["stranded"]:
        raise Failure(
            f"{change.path}: people would be lost at {', '.join(told['stranded'])}",
            f"headless campaigns plan {change.name!r} {change.path} tells more",
            Exit.CONFLICT,
        )
    words = client.ask("POST", path, json=body, headers={"Accept": "text/plain"}).text.rstrip()
    return msgspec.structs.replace(change, people=told["hash"], says=words)


def carry_out(client: Client, plan: Plan) -> list[str]:
    """Do a plan that has just been compared; the lines that say what was done."""
    return [_do(client, change) for change in plan.pending]


def _do(client: Client, change: Change) -> str:
    named, content = segment(change.name), change.content
    match change.kind, change.action:
        case "segment", "new":
            client.post("/v1/segments", {"name": change.name, **content})
        case "segment", _:
            client.ask("PATCH", f"/v1/segments/{named}", json=content)
        case (("snippet" | "sms" | "email"), "new"):
            client.post(_PATHS[change.kind], {"name": change.name, **content})
        case (("snippet" | "sms" | "email"), _):
            path = f"{_PATHS[change.kind]}/{named}"
            tag = client.ask("GET", path).headers.get("etag", "*")
            body = {"name": change.name, **content}
            client.ask("PUT", path, json=body, headers={"If-Match": tag})
        case "campaign", "new":
            client.post("/v1/campaigns", content, name=change.name)
        case _:
            return _new_text(client, change)
    return f"{change.path}  {'made' if change.action == 'new' else 'saved'}"


def _new_text(client: Client, change: Change) -> str:
    path = f"/v1/campaigns/{segment(change.name)}"
    if change.state not in _ALIVE:
        tag = client.ask("GET", path).headers.get("etag", "*")
        client.ask("PUT", f"{path}/source", json=change.content, headers={"If-Match": tag})
        return f"{change.path}  saved; it is a draft"
    agreed = change.people
    if not agreed:
        told = client.post(f"{path}/plan", change.content)
        if told["stranded"]:
            raise Failure(f"{change.path}: people would be lost", "look at its plan", Exit.CONFLICT)
        agreed = told["hash"]
    done = client.post(f"{path}/apply", {**change.content, "plan": agreed})
    return f"{change.path}  version {done['version']} for everybody inside"
