"""`/v1/channels`: how messages leave. Secrets are write-only: answers name those that are set."""

from typing import Annotated, Any, Final, Union, cast

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import reads
from headless.api.routes.components import number_of
from headless.api.shapes import Instant, Page, instant
from headless.channels import accounts, targets, trying
from headless.channels.accounts import Account
from headless.channels.answers import Answer, Verdict
from headless.channels.couriers import Kit
from headless.channels.providers import PROVIDERS, Provider
from headless.channels.reports.hooks import PATH
from headless.channels.returns import Returns
from headless.channels.webhook import WebhookCourier
from headless.content import stored_components
from headless.problems import Problem
from headless.storage.codes import Channel, word
from headless.storage.database import Transaction
from headless.workspace import hold, workspaces


class ChannelShape(msgspec.Struct, frozen=True):
    """A channel; `secrets` are the names of those that are set, `in_use` says that messages of its
    kind go this way. `events_url` is where the provider is to report to."""

    id: str
    name: str
    kind: str
    provider: str
    settings: Any
    secrets: tuple[str, ...]
    in_use: bool
    state: str
    reason: str | None
    events_url: str | None
    created_at: Instant
    updated_at: Instant


class ProviderShape(msgspec.Struct, frozen=True):
    """A provider that channels can be made for, with the JSON schemas of what it needs."""

    name: str
    kind: str
    sentence: str
    settings: dict[str, Any]
    secrets: dict[str, Any]


class _Named(msgspec.Struct, frozen=True):
    provider: str = ""


class ChannelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change: `settings` replaces them whole; of `secrets` only the members given, null
    takes one away."""

    name: accounts.Name | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET
    secrets: dict[str, str | dict[str, str] | None] | UnsetType = UNSET
    in_use: bool | UnsetType = UNSET


def _write_type(name: str, provider: Provider) -> type[msgspec.Struct]:
    """The body that makes a channel with a provider: its name, settings and secrets."""
    needed = any(field.required for field in msgspec.structs.fields(provider.secrets))
    secrets: Any = ("secrets", provider.secrets)
    if not needed:
        secrets = (*secrets, msgspec.field(default_factory=provider.secrets))
    return msgspec.defstruct(
        f"{name.capitalize()}Channel",
        [("name", accounts.Name), ("settings", provider.settings), secrets],
        frozen=True,
        forbid_unknown_fields=True,
        tag_field="provider",
        tag=name,
        namespace={"__doc__": provider.sentence},
    )


_WRITES: Final = {name: _write_type(name, each) for name, each in PROVIDERS.items()}
_ANY_WRITE: Final[Any] = Union[tuple(_WRITES.values())]  # noqa: UP007 - made from a table


def _shape(call: Call, account: Account) -> ChannelShape:
    return ChannelShape(
        id=ids.encode("chn", account.id),
        name=account.name,
        kind=word(account.kind),
        provider=account.provider,
        settings=msgspec.to_builtins(account.settings),
        secrets=account.secrets,
        in_use=account.in_use,
        state=account.state,
        reason=account.reason,
        events_url=_events_url(call, account),
        created_at=instant(account.created_at),
        updated_at=instant(account.updated_at),
    )


def _events_url(call: Call, account: Account) -> str | None:
    """Where the provider is to report to; null for one that reports by mail."""
    if account.provider != "twilio" and getattr(account.settings, "relay", "plain") == "plain":
        return None
    channel, secret = ids.encode("chn", account.id), call.house.hooks.secret(account.id)
    return f"{call.house.settings.url}{PATH}{channel}/{secret}"


def _answer(call: Call, account: Account, *, status: int = 200) -> Response[ChannelShape]:
    headers = {"ETag": f'"{account.revision}"'}
    return Response(_shape(call, account), status_code=status, headers=headers)


async def _number(tx: Transaction, workspace_id: int, name: str) -> int:
    number = ids.decode("chn", name) or await accounts.named(tx, workspace_id, name)
    if number is None:
        raise Problem("not_found", f"there is no channel `{name[:60]}`")
    return number


@get("/channels/providers", opt=needs("channels:read"), tags=["Channels"])
async def list_providers(call: Caller) -> Page[ProviderShape]:
    """The providers that channels can be made for, and what each needs to know."""
    return Page(
        [
            ProviderShape(
                name,
                word(each.kind),
                each.sentence,
                msgspec.json.schema(each.settings),
                msgspec.json.schema(each.secrets),
            )
            for name, each in PROVIDERS.items()
        ],
        None,
    )


@post(
    "/channels",
    opt={**needs("channels:write"), **reads(_ANY_WRITE)},
    tags=["Channels"],
    status_code=201,
)
async def create_channel(request: Request[Any, Any, Any], call: Caller) -> Response[ChannelShape]:
    """Make a channel; the first of its kind is in use at once, and secrets are kept encrypted."""
    bodies.need_media(request, "application/json")
    raw = await request.body()
    named = bodies.decode(raw, _Named).provider
    accounts.provider(named)
    body = cast(Any, bodies.decode(raw, _WRITES[named]))
    async with call.transaction() as tx:
        made = await accounts.create(
            tx,
            call.house.seals,
            call.workspace_id,
            name=body.name,
            provider_name=named,
            settings=body.settings,
            secrets=body.secrets,
            now=call.now,
        )
    return _answer(call, made, status=201)


@get("/channels", opt=needs("channels:read"), tags=["Channels"])
async def list_channels(call: Caller) -> Page[ChannelShape]:
    """All channels of the workspace; there are at most twenty, so it is one page."""
    async with call.transaction() as tx:
        found = await accounts.listing(tx, call.house.seals, call.workspace_id)
    return Page([_shape(call, each) for each in found], None)


@get("/channels/{name:str}", opt=needs("channels:read"), tags=["Channels"])
async def get_channel(call: Caller, name: FromPath[str]) -> Response[ChannelShape]:
    """One channel by its id or its name."""
    async with call.transaction() as tx:
        number = await _number(tx, call.workspace_id, name)
        return _answer(call, await accounts.get(tx, call.house.seals, call.workspace_id, number))


@patch(
    "/channels/{name:str}",
    opt={**needs("channels:write"), **reads(ChannelChange)},
    tags=["Channels"],
)
async def change_channel(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[ChannelShape]:
    """Change name, settings or secrets, or put it in use; `If-Match` refuses a stale save."""
    body = await bodies.read(request, ChannelChange)
    async with call.transaction() as tx:
        number = await _number(tx, call.workspace_id, name)
        held = await accounts.get(tx, call.house.seals, call.workspace_id, number)
        settings = None
        if body.settings is not UNSET:
            raw = msgspec.json.encode(body.settings)
            settings = bodies.decode(raw, PROVIDERS[held.provider].settings)
        changed = await accounts.change(
            tx,
            call.house.seals,
            call.workspace_id,
            number,
            name=None if body.name is UNSET else body.name,
            settings=settings,
            secrets=None if body.secrets is UNSET else body.secrets,
            in_use=None if body.in_use is UNSET else body.in_use,
            expected_revision=bodies.expected_revision(request),
            now=call.now,
        )
    return _answer(call, changed)


@delete("/channels/{name:str}", opt=needs("channels:write"), tags=["Channels"], status_code=204)
async def delete_channel(call: Caller, name: FromPath[str]) -> None:
    """Delete a channel and its secrets; not while messages go its way."""
    async with call.transaction() as tx:
        await accounts.remove(tx, call.workspace_id, await _number(tx, call.workspace_id, name))


class ChannelTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the test goes: an address, a phone number, a device's token or a Slack channel.

    For Slack it may be left out; for a webhook it is where the webhook goes anyway.
    """

    to: Annotated[str, msgspec.Meta(max_length=4_096)] | None = None
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = trying.TEXT


class ChannelTestShape(msgspec.Struct, frozen=True):
    """What the other side said: `ok` that it took the test; `verdict` is what it would mean for a
    message, `detail` are the other side's words."""

    ok: bool
    verdict: str
    detail: str


async def _free(
    request: Request[Any, Any, Any], call: Call, tx: Transaction, kind: Channel
) -> None:
    """Raise Problem `wrong_state` where nothing may leave: held, a copy, or only rehearsed."""
    if call.dry:
        raise Problem("wrong_state", "a test cannot be rehearsed: all it does is to send")
    word_ = request.app.state.mode.word
    if word_ is not None:
        raise Problem("wrong_state", f"nothing leaves here: the installation is {word_.decode()}")
    held = await hold.holding(tx, call.workspace_id, kind, None)
    if held is not None:
        raise Problem("wrong_state", f"{held.words} is held ({held.reason}); let it go first")


def _tried(answer: Answer) -> ChannelTestShape:
    return ChannelTestShape(answer.verdict is Verdict.SENT, answer.verdict.value, answer.detail)


@post(
    "/channels/{name:str}/test",
    opt={**needs("channels:write"), **reads(ChannelTest)},
    tags=["Channels"],
    status_code=200,
)
async def test_channel(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> ChannelTestShape:
    """Hand one test over at once and tell what the other side said; nothing of it is kept.

    A channel need not be in use for it. In a sandbox it reaches only this machine.
    """
    body = await bodies.read(request, ChannelTest, default=ChannelTest())
    async with call.transaction() as tx:
        number = await _number(tx, call.workspace_id, name)
        await accounts.get(tx, call.house.seals, call.workspace_id, number)
        own = await accounts.opened_by_id(tx, call.house.seals, number)
        if own is None:
            raise Problem("not_found", f"there is no channel `{name[:60]}`")
        await _free(request, call, tx, PROVIDERS[own.provider].kind)
        house = await workspaces.find(tx, call.workspace_id)
    keys = tuple(key.encode() for key in call.house.settings.secret_keys)
    kit = Kit(call.house.links, Returns(keys), call.house.hooks)
    trial = trying.Trial(to=body.to, text=body.text)
    return _tried(await trying.attempt(own, kit, house, trial, now=call.now))


@post(
    "/webhook-targets/{name:str}/test",
    opt=needs("channels:write"),
    tags=["Channels"],
    status_code=200,
)
async def test_webhook(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> ChannelTestShape:
    """Call a named webhook with `{"test": true}`, signed as ever, and tell what it answered."""
    async with call.transaction() as tx:
        number = await number_of(tx, targets.WEBHOOK, call.workspace_id, name)
        await stored_components.get(tx, targets.WEBHOOK, call.workspace_id, number)
        await _free(request, call, tx, Channel.WEBHOOK)
    keys = tuple(key.encode() for key in call.house.settings.secret_keys)
    courier = WebhookCourier(keys)
    return _tried(
        await trying.attempt_webhook(
            call.database, courier, call.workspace_id, number, now=call.now
        )
    )


HANDLERS: Final[list[HTTPRouteHandler]] = [
    list_providers, create_channel, list_channels, get_channel, change_channel, delete_channel,
    test_channel, test_webhook,
]  # fmt: skip
