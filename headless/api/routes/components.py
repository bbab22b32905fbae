"""Components beside emails: texts, snippets, pages, forms, assets, slots, webhook targets and more.

Each kind has the same seven routes, made here from its description: a component is named in a path
by its id or its name, each save is a version that stays, and nothing is deleted that is used.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import LARGEST, Cursor, Instant, Limit, Page, after, instant, page
from headless.channels import targets
from headless.content import components
from headless.content import stored_components as stored
from headless.content.kinds import BY_WORD, Kind
from headless.content.stored_components import Component
from headless.content.variables import Remark, Use
from headless.problems import Problem
from headless.storage.database import Transaction

_LIMIT: Final = 2 * 512 * 1024
Version = Annotated[
    int | None, QueryParameter(ge=1, le=LARGEST, description="not the newest, but this one")
]


class SaveShape(msgspec.Struct, frozen=True):
    """One save of a component."""

    version: int
    created_at: Instant


class Face(msgspec.Struct, frozen=True):
    """How a kind is seen over HTTP: its path, its shape, a sentence, the scopes' noun."""

    kind: Kind
    path: str
    shape: Any
    said: str
    noun: str
    tag: str


def face(kind: Kind, path: str, said: str, *, noun: str = "components", tag: str) -> Face:
    """A kind with the shape of its answers, which is what is written and what is added to it."""
    title = "".join(part.capitalize() for part in path.strip("/").split("-"))
    shown = [field for field in msgspec.structs.fields(kind.write) if field.name != "name"]
    members: list[Any] = [("id", str), ("name", str), ("version", int)]
    for field in shown:
        if field.name == "secret":
            continue
        type_ = Any if field.name in ("headers", "settings") else field.type
        members.append((field.name, tuple[str, ...] if field.name == "secrets" else type_))
    if kind.secret and not any(name == "secrets" for name, _ in members):
        members.append(("secrets", tuple[str, ...]))
    if kind.path:
        members.append(("address", str | None))
    if kind.word == "asset":
        members += [
            ("file_name", str | None), ("media_type", str | None), ("size", int | None),
        ]  # fmt: skip
    members += [
        ("created_at", Instant), ("updated_at", Instant),
        ("variables", list[Use] | UnsetType, UNSET), ("warnings", list[Remark] | UnsetType, UNSET),
    ]  # fmt: skip
    shape = msgspec.defstruct(
        f"{title}Shape", members, frozen=True, module=__name__, namespace={"__doc__": said}
    )
    return Face(kind, path, shape, said, noun, tag)


def shaped(face: Face, found: Component, base_url: str, **more: Any) -> Any:
    """The answer for a component."""
    row, kind = found.row, face.kind
    values = {name: found.written.get(name) for name in found.written}
    if kind.path:
        slug = row.get("slug")
        values["address"] = None if slug is None else f"{base_url}{kind.path}{slug}"
    if kind.word == "asset":
        values |= {name: row[name] for name in ("url", "file_name", "media_type", "size")}
    return msgspec.convert(
        {
            **_defaults(face.shape),
            **values,
            **more,
            "id": ids.encode(kind.prefix, found.id),
            "name": found.name,
            "version": found.version,
            "created_at": instant(found.created_at),
            "updated_at": instant(found.updated_at),
        },
        face.shape,
        from_attributes=True,
    )


def _defaults(shape: Any) -> dict[str, Any]:
    """What a component that was not written through here has where nothing is known."""
    empty: dict[str, Any] = {"secrets": (), "fields": [], "submit": "Send", "thanks": "",
                             "confirm": False}  # fmt: skip
    names = [field.name for field in msgspec.structs.fields(shape)]
    return {name: empty.get(name) for name in names if name not in ("variables", "warnings")}


async def number_of(tx: Transaction, kind: Kind, workspace_id: int, name: str) -> int:
    """The number behind an id or a name in a path; Problem `not_found`."""
    number = ids.decode(kind.prefix, name)
    if number is None:
        number = await stored.find(tx, kind, workspace_id, name)
    if number is None:
        raise Problem("not_found", f"there is no {kind.word} `{name[:60]}`")
    return number


def routes(face: Face) -> list[HTTPRouteHandler]:
    """The seven routes of a kind."""
    shape: Any = face.shape
    kind, plural = face.kind, face.path.strip("/").replace("-", "_")
    single = plural if plural == "sms" else plural.removesuffix("s")  # one name, one operation
    reading: dict[str, Any] = {"opt": needs(f"{face.noun}:read"), "tags": [face.tag]}
    asked: dict[str, Any] = {
        "opt": {**needs(f"{face.noun}:write"), **reads(kind.write)},
        "tags": [face.tag],
        "request_max_body_size": _LIMIT,
    }
    one = face.path + "/{name:str}"

    def answer(call: Any, saved: components.Saved) -> Response[Any]:
        found = saved.component
        body = shaped(
            face,
            found,
            call.house.settings.url,
            variables=list(saved.variables),
            warnings=list(saved.warnings),
        )
        headers = {"ETag": f'"{found.version}"', "Location": f"/v1{face.path}/{body.id}"}
        return Response(body, status_code=201 if saved.created else 200, headers=headers)

    async def create(request: Request[Any, Any, Any], call: Caller) -> Any:
        given = await bodies.read(request, kind.write)
        async with call.transaction() as tx:
            known = await components.about(tx, call.workspace_id, call.house.seals)
            return answer(call, await components.create(tx, kind, given, known, now=call.now))

    async def replace(request: Request[Any, Any, Any], call: Caller, name: FromPath[str]) -> Any:
        given = await bodies.read(request, kind.write)
        wanted = bodies.expected_revision(request)
        async with call.transaction() as tx:
            known = await components.about(tx, call.workspace_id, call.house.seals)
            number = await number_of(tx, kind, call.workspace_id, name)
            saved = await components.replace(
                tx, kind, number, given, known, now=call.now, expected_version=wanted
            )
        return answer(call, saved)

    async def list_all(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Any:
        start = after(cursor, list=face.path)
        async with call.transaction() as tx:
            rows = await stored.listing(
                tx, kind, call.workspace_id, after_id=start or 0, limit=limit + 1
            )
        url = call.house.settings.url
        return page(rows, limit, lambda row: row.id, lambda row: shaped(face, row, url),
                    list=face.path)  # fmt: skip

    async def get_one(call: Caller, name: FromPath[str], version: Version = None) -> Any:
        async with call.transaction() as tx:
            number = await number_of(tx, kind, call.workspace_id, name)
            found = await stored.get(tx, kind, call.workspace_id, number, version)
        body = shaped(face, found, call.house.settings.url)
        return Response(body, headers={"ETag": f'"{found.version}"'})

    async def list_versions(
        call: Caller, name: FromPath[str], limit: Limit = 50, cursor: Cursor = None
    ) -> Page[SaveShape]:
        async with call.transaction() as tx:
            number = await number_of(tx, kind, call.workspace_id, name)
            await stored.get(tx, kind, call.workspace_id, number)
            before = after(cursor, list=face.path, of=number)
            rows = await stored.versions(
                tx, kind, call.workspace_id, number, before=before, limit=limit + 1
            )
        return page(
            rows,
            limit,
            lambda row: row[0],
            lambda row: SaveShape(row[0], instant(row[1])),
            list=face.path,
            of=number,
        )

    async def remove(call: Caller, name: FromPath[str]) -> None:
        async with call.transaction() as tx:
            number = await number_of(tx, kind, call.workspace_id, name)
            await components.remove(tx, kind, call.workspace_id, number)

    words = single.replace("_", " ")
    what = f"{'an' if words[0] in 'aeio' else 'a'} {words}"
    said: dict[Any, tuple[str, str, Any]] = {
        create: (
            f"create_{single}",
            f"Store {what} as version 1. {face.said}",
            Response[shape],
        ),
        replace: (
            f"replace_{single}",
            "Save the next version; `If-Match` refuses to overwrite what somebody else saved.",
            Response[shape],
        ),
        list_all: (f"list_{plural}", "All of them in the order in which they were made.",
                   Page[shape]),
        get_one: (f"get_{single}", "One, at its newest version or as it was written at another.",
                  Response[shape]),
        list_versions: (f"list_{single}_versions", "Its saves, the newest first.",
                        Page[SaveShape]),
        remove: (f"delete_{single}", "Delete it and its versions; not while something uses it.",
                 None),
    }  # fmt: skip
    for function, (name, sentence, returned) in said.items():
        function.__name__ = function.__qualname__ = name
        function.__doc__ = sentence
        function.__annotations__["return"] = returned
    return [
        post(face.path, status_code=201, **asked)(create),
        put(one, **asked)(replace),
        get(face.path, **reading)(list_all),
        get(one, **reading)(get_one),
        get(one + "/versions", **reading)(list_versions),
        delete(
            one, status_code=204, opt=needs(f"{face.noun}:write"), tags=[face.tag]
        )(remove),
    ]  # fmt: skip


FACES: Final[tuple[Face, ...]] = (
    face(BY_WORD["sms"], "/sms", "A text message for `send sms`.", tag="Texts"),
    face(BY_WORD["push message"], "/push-messages", "A push message.", tag="Texts"),
    face(
        BY_WORD["message"], "/multi-messages",
        "What `send message` sends, by the channel that a contact prefers.", tag="Texts",
    ),
    face(
        BY_WORD["snippet"], "/snippets",
        "A piece that other components take in with `{% render 'name' %}`; saving it gives each of "
        "them a new version.", tag="Texts",
    ),
    face(BY_WORD["content"], "/contents", "What `show content` shows in a slot.", tag="Web"),
    face(BY_WORD["slot"], "/slots", "A place on a page that campaigns fill.", tag="Web"),
    face(
        BY_WORD["page"], "/pages",
        "A landing page of ours at `address`, or a page of a website of yours.", tag="Web",
    ),
    face(BY_WORD["form"], "/forms", "A form, which `address` shows and takes.", tag="Web"),
    face(BY_WORD["asset"], "/assets", "A download at `address`.", tag="Web"),
    face(
        targets.WEBHOOK, "/webhook-targets", "Where `send webhook NAME` goes.",
        noun="channels", tag="Channels",
    ),
    face(
        targets.INTEGRATION, "/integrations", "Where `push to NAME` goes.",
        noun="channels", tag="Channels",
    ),
)  # fmt: skip
HANDLERS: Final[list[HTTPRouteHandler]] = [each for one in FACES for each in routes(one)]
