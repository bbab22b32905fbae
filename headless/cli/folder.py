"""A workspace as a folder: `campaigns/*.campaign`, `emails/*.html`, `segments/*.segment`, …

Reads and writes the files; knows no server. A file's name is the thing's name, percent-encoded
where a file system would mind; a campaign's own text has the last word on its name. An email begins
with a few lines `subject: …` between two lines `---` and ends in `.html`, `.liquid` or `.mjml`; its
text part, when it has one of its own, stands in `emails/NAME.txt`. Secrets are never in the folder.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, unquote

import msgspec

from headless.cli.output import Exit, Failure
from headless.dsl.examine import examine

Kind = Literal["segment", "snippet", "sms", "email", "campaign"]
FOLDERS: Final[dict[Kind, str]] = {
    "segment": "segments",
    "snippet": "snippets",
    "sms": "sms",
    "email": "emails",
    "campaign": "campaigns",
}
"""Where each kind lies, in the order in which they need each other."""
_HEADS: Final = ("name", "subject", "sender", "reply_to", "topic")
_BODIES: Final = {".html": "html", ".liquid": "html", ".mjml": "mjml"}
_PLAIN: Final[dict[Kind, str]] = {"segment": "condition", "snippet": "body", "sms": "body"}
"""Kinds whose file is one text and nothing else."""
_ENDINGS: Final[dict[Kind, str]] = {
    "segment": ".segment",
    "snippet": ".liquid",
    "sms": ".txt",
    "campaign": ".campaign",
}
_FENCE: Final = "---"


class Piece(msgspec.Struct, frozen=True):
    """One thing: what it is, its name, its file below the folder, and what is in it."""

    kind: Kind
    name: str
    path: str
    content: dict[str, str]

    @property
    def digest(self) -> str:
        """The same for the same content."""
        return digest(self.content)


def digest(content: Mapping[str, str]) -> str:
    """SHA-256 over the members that say something."""
    said = sorted((name, text) for name, text in content.items() if text)
    return "sha256:" + hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def read(folder: Path) -> list[Piece]:
    """Every piece of a folder; raises Failure for a file that cannot be used."""
    if not folder.is_dir():
        raise Failure(f"{folder} is no folder", "headless pull FOLDER makes one", Exit.USAGE)
    found = [*_plain(folder), *_emails(folder), *_campaigns(folder)]
    seen: dict[tuple[str, str], str] = {}
    for piece in found:
        other = seen.setdefault((piece.kind, piece.name.lower()), piece.path)
        if other != piece.path:
            raise Failure(
                f"{other} and {piece.path} are both the {piece.kind} `{piece.name}`",
                "rename one of them",
            )
    return found


def kinds(folder: Path) -> tuple[Kind, ...]:
    """The kinds that a folder speaks of: what is missing of another kind is not gone."""
    there = [kind for kind, name in FOLDERS.items() if (folder / name).is_dir()]
    if "campaign" not in there and next(folder.glob("*.campaign"), None):
        there.append("campaign")
    return tuple(there)


def write(folder: Path, pieces: Iterable[Piece]) -> int:
    """Write pieces into a folder, which is made; how many files have changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = 0
    for piece in pieces:
        for path, text in _files(piece):
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists() or place.read_text(encoding="utf-8") != text:
                place.write_text(text, encoding="utf-8")
                changed += 1
    return changed


def path_of(kind: Kind, name: str, content: Mapping[str, str]) -> str:
    """The file of a thing, below the folder."""
    ending = _ENDINGS.get(kind, ".mjml" if content.get("mjml") else ".html")
    return f"{FOLDERS[kind]}/{quote(name, safe=' ')}{ending}"


def _files(piece: Piece) -> Iterator[tuple[str, str]]:
    content = piece.content
    match piece.kind:
        case "segment" | "snippet" | "sms":
            yield piece.path, _ended(content[_PLAIN[piece.kind]])
        case "campaign":
            yield piece.path, _ended(content["source"])
        case "email":
            heads = {"name": piece.name, **content}
            lines = [f"{head}: {heads[head]}" for head in _HEADS if heads.get(head)]
            body = content.get("mjml") or content.get("html", "")
            yield piece.path, "\n".join([_FENCE, *lines, _FENCE, _ended(body)])
            if content.get("text"):
                yield str(Path(piece.path).with_suffix(".txt")), _ended(content["text"])


def _plain(folder: Path) -> Iterator[Piece]:
    for kind, part in _PLAIN.items():
        for path in sorted((folder / FOLDERS[kind]).glob(f"*{_ENDINGS[kind]}")):
            content = {part: _text(path).strip()}
            yield Piece(kind, unquote(path.stem), _below(path, folder), content)


def _campaigns(folder: Path) -> Iterator[Piece]:
    for path in sorted([*folder.glob("*.campaign"), *folder.glob("campaigns/**/*.campaign")]):
        source = _text(path)
        campaign = examine(source).campaign
        said = campaign.name if campaign is not None else None
        name = said.text if said is not None else unquote(path.stem)
        yield Piece("campaign", name, _below(path, folder), {"source": source})


def _emails(folder: Path) -> Iterator[Piece]:
    for path in sorted((folder / FOLDERS["email"]).glob("*")):
        if path.suffix not in _BODIES:
            continue
        heads, body = _split(_text(path), _below(path, folder))
        name = heads.pop("name", unquote(path.stem))
        if not heads.get("subject"):
            raise Failure(
                f"{_below(path, folder)} has no subject",
                "begin it with three lines: `---`, `subject: …`, `---`",
            )
        text = path.with_suffix(".txt")
        content = {**heads, _BODIES[path.suffix]: body}
        if text.exists():
            content["text"] = _text(text).rstrip("\n")
        yield Piece("email", name, _below(path, folder), content)


def _split(text: str, path: str) -> tuple[dict[str, str], str]:
    lines = text.splitlines()
    if not lines or lines[0] != _FENCE or _FENCE not in lines[1:]:
        return {}, text.rstrip("\n")
    end = lines.index(_FENCE, 1)
    heads: dict[str, str] = {}
    for line in lines[1:end]:
        head, colon, value = line.partition(":")
        if not colon or head.strip() not in _HEADS:
            known = ", ".join(f"`{each}`" for each in _HEADS)
            raise Failure(f"{path} begins with `{line[:60]}`", f"known there are {known}")
        heads[head.strip()] = value.strip()
    return heads, "\n".join(lines[end + 1 :])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Failure(f"{path} cannot be read: {reason}", "mend the file") from error


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
