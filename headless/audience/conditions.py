"""Conditions and events as SQL: what `if`, `where`, `when` and a segment ask of a contact.

Pure: builds SQLAlchemy expressions and runs nothing. A comparison with something missing is false,
never null. Imports the language's tree, the resolved names, `values` and the tables.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Text,
    and_,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)

from headless.audience.values import Operand, Scope, Sql, compare, operand_of, shifted
from headless.dsl import ast
from headless.dsl.names import is_pattern
from headless.storage import tables
from headless.storage.codes import ActivityKind, Channel, EnrollmentState
from headless.workspace.names import Names

_ADDRESS: Final = {"email": "email"}
_CHANNEL: Final = {"email": Channel.EMAIL, "sms": Channel.SMS, "push message": Channel.PUSH}


def holds(condition: ast.Condition, scope: Scope) -> ColumnElement[bool]:  # noqa: C901 - a table
    """The condition as SQL that is true or false and never null."""
    match condition:
        case ast.And(conditions=parts):
            return and_(*(holds(part, scope) for part in parts))
        case ast.Or(conditions=parts):
            return or_(*(holds(part, scope) for part in parts))
        case ast.Not(condition=part):
            return not_(holds(part, scope))
        case ast.IsEmpty(operand=operand):
            return not_(_is_set(operand_of(operand, scope, "text")))
        case ast.IsNotEmpty(operand=operand):
            return _is_set(operand_of(operand, scope, "text"))
        case ast.Compare(operand=operand, operator=operator, value=value):
            return _sure(compare(operand, operator, value, scope))
        case ast.IsIn(operand=operand, values=values):
            return _sure(or_(*(compare(operand, "is", value, scope) for value in values)))
        case ast.Between(operand=operand, low=low, high=high):
            return _sure(compare(operand, ">=", low, scope) & compare(operand, "<=", high, scope))
        case ast.Dated(operand=operand, direction=direction, value=value):
            return _sure(compare(operand, "<" if direction == "before" else ">", value, scope))
        case ast.Matches(operand=operand, pattern=pattern):
            return _sure(operand_of(operand, scope, "text").sql.regexp_match(pattern, flags="i"))
        case ast.InSegment(segment=name):
            return _related(
                tables.segment_member, scope, segment_id=scope.names.id("segment", name.text)
            )
        case ast.HasTag(tag=name):
            return _related(tables.contact_tag, scope, tag_id=scope.names.id("tag", name.text))
        case ast.InCampaign(campaign=name):
            return _related(
                tables.enrollment,
                scope,
                campaign_id=scope.names.id("campaign", name.text),
                state=EnrollmentState.RUNNING,
            )
        case ast.ReachableBy(channel=channel):
            return _reachable(channel, scope)
        case ast.Happened():
            return _happened(condition, scope)
    raise TypeError(f"no SQL for {condition!r}")


def _sure(condition: Sql) -> ColumnElement[bool]:
    return func.coalesce(condition, false())


def _related(table: Any, scope: Scope, **wanted: int) -> ColumnElement[bool]:
    return exists(
        select(1).where(
            table.c.workspace_id == scope.workspace_id,
            table.c.contact_id == scope.contact.c.id,
            *(table.c[column] == value for column, value in wanted.items()),
        )
    )


def _reachable(channel: str, scope: Scope) -> ColumnElement[bool]:
    column = _ADDRESS.get("email" if channel == "message" else channel)
    if column is None:  # no addresses for this channel are kept
        return false()
    suppressed = _related(
        tables.suppression, scope, channel=_CHANNEL["email" if channel == "message" else channel]
    )
    return scope.contact.c[column].is_not(None) & not_(suppressed)


def _is_set(operand: Operand) -> ColumnElement[bool]:
    return func.coalesce(cast(operand.sql, Text), "") != ""


# ---------------------------------------------------------------- events


class Heard(msgspec.Struct, frozen=True):
    """The activities that an event is made of: their kind, and what they are about (0: any)."""

    kind: ActivityKind
    ref: int = 0


def heard(event: ast.Event, names: Names) -> Iterator[Heard]:
    """What must be listened to for an event; an activity that fits need not answer it yet."""
    match event:
        case ast.AnyOf(events=events) | ast.AllOf(events=events):
            for part in events:
                yield from heard(part, names)
        case ast.SiteVisited():
            yield Heard(ActivityKind.VISITED)
        case ast.Unsubscribed(channel=channel):
            yield Heard(ActivityKind.UNSUBSCRIBED, _channel_ref(channel))
        case ast.PointsReached(group=None):
            yield Heard(ActivityKind.REACHED_POINTS)
        case _:
            yield _heard_of(event, names)


def _channel_ref(channel: str | None) -> int:
    return _CHANNEL.get(channel or "", 0)


def _named(names: Names, kind: str, name: ast.Name | None) -> int:
    return 0 if name is None or is_pattern(name.text) else names.id(kind, name.text)


def _heard_of(event: ast.Event, names: Names) -> Heard:  # noqa: C901 - one line an event
    kinds = ActivityKind
    match event:
        case ast.EmailOpened(email=name):
            return Heard(kinds.OPENED, _named(names, "email", name))
        case ast.EmailClicked(email=name) | ast.LinkClicked(email=name):
            return Heard(kinds.CLICKED, _named(names, "email", name))
        case ast.EmailBounced(email=name):
            return Heard(kinds.BOUNCED, _named(names, "email", name))
        case ast.Replied(channel="sms", message=name):
            return Heard(kinds.REPLIED_SMS, _named(names, "sms", name))
        case ast.Replied(message=name):
            return Heard(kinds.REPLIED, _named(names, "email", name))
        case ast.PageVisited(page=name):
            return Heard(kinds.VISITED, _named(names, "page", name))
        case ast.TimeSpent(page=name):
            return Heard(kinds.SPENT, _named(names, "page", name))
        case ast.FormSubmitted(form=name):
            return Heard(kinds.SUBMITTED, _named(names, "form", name))
        case ast.AssetDownloaded(asset=name):
            return Heard(kinds.DOWNLOADED, _named(names, "asset", name))
        case ast.SlotRequested(slot=name):
            return Heard(kinds.REQUESTED, _named(names, "slot", name))
        case ast.Joined(gathering="segment", name=name):
            return Heard(kinds.JOINED_SEGMENT, _named(names, "segment", name))
        case ast.Left(gathering="segment", name=name):
            return Heard(kinds.LEFT_SEGMENT, _named(names, "segment", name))
        case ast.Joined(name=name):
            return Heard(kinds.JOINED_CAMPAIGN, _named(names, "campaign", name))
        case ast.Left(name=name):
            return Heard(kinds.LEFT_CAMPAIGN, _named(names, "campaign", name))
        case ast.TagGot(tag=name):
            return Heard(kinds.GOT_TAG, _named(names, "tag", name))
        case ast.StageEntered(stage=name):
            return Heard(kinds.ENTERED_STAGE, _named(names, "stage", name))
        case ast.FieldChanged(field=field):
            return Heard(kinds.CHANGED, names.id("field", field.name))
        case ast.Did(activity=name):
            return Heard(kinds.DID, _named(names, "event", name))
    raise TypeError(f"nothing can be heard of {event!r}")


def answers(event: ast.Event, activity: FromClause, scope: Scope) -> ColumnElement[bool]:
    """Whether a row of the table `activity` answers an event: its kind, its ref and its details."""
    if isinstance(event, ast.AnyOf):
        return or_(*(answers(part, activity, scope) for part in event.events))
    if isinstance(event, ast.AllOf):
        raise TypeError("several events together are not one activity")
    (one,) = heard(event, scope.names)
    kind = activity.c.kind == int(one.kind)
    about = activity.c.ref == one.ref if one.ref else true()
    return and_(kind, about, not_(activity.c.machine), _details(event, activity, scope))


def _details(event: ast.Single, activity: FromClause, scope: Scope) -> ColumnElement[bool]:
    properties = activity.c.properties
    match event:
        case ast.LinkClicked(link=link):
            return _like(properties["url"].astext, link)
        case ast.PageVisited(page=page, referrer=referrer, device=device):
            url = (
                _like_page(properties["url"].astext, page.text) if is_pattern(page.text) else true()
            )
            return and_(url, *_visit(properties, referrer, device))
        case ast.SiteVisited(referrer=referrer, device=device):
            return and_(*_visit(properties, referrer, device))
        case ast.TimeSpent(duration=duration):
            seconds = func.coalesce(cast(properties["seconds"].astext, Numeric), 0)
            return seconds >= duration.least_seconds
        case ast.Replied(pattern=str(pattern)):
            return _like(properties["text"].astext, pattern)
        case ast.PointsReached(points=points):
            before = cast(properties["from"].astext, Numeric)
            after = cast(properties["to"].astext, Numeric)
            return _sure((before < points) & (after >= points))
        case ast.Did(where=ast.Node() as where):
            return holds(_of_event(where), msgspec.structs.replace(scope, event=properties))
        case _:
            return true()


def _visit(properties: Sql, referrer: str | None, device: ast.Name | None) -> Iterator[Sql]:
    yield true()
    if referrer is not None:
        yield _like(properties["referrer"].astext, referrer)
    if device is not None:
        yield _sure(func.lower(properties["device"].astext) == device.text.lower())


def _of_event(where: Any) -> Any:
    """The condition with its bare names read as the event's own properties."""
    if isinstance(where, ast.Field) and where.scope == "contact":
        return ast.Field(name=where.name, scope="event")
    if isinstance(where, ast.Node):
        parts = {name: _of_event(getattr(where, name)) for name in where.__struct_fields__}
        return type(where)(**parts)
    if isinstance(where, tuple):
        return tuple(_of_event(part) for part in where)
    return where


def _like(text: Sql, pattern: str) -> ColumnElement[bool]:
    """A pattern where `*` stands for anything, without regard to case."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _sure(text.ilike(escaped.replace("*", "%")))


def _like_page(url: Sql, pattern: str) -> ColumnElement[bool]:
    """A pattern of a path (`/pricing*`) looks at the url behind its host."""
    if pattern.startswith("/"):
        return _like(func.regexp_replace(url, "^[a-z][a-z0-9+.-]*://[^/]*", "", "i"), pattern)
    return _like(url, pattern)


def _happened(condition: ast.Happened, scope: Scope) -> ColumnElement[bool]:
    """An event looking back: over `in last D`, over everything (`ever`), else to the entry."""
    since = None if condition.ever else scope.since
    if condition.last is not None:
        since = shifted(scope.now, condition.last, scope.zone, back=True)
    event = condition.event
    match event:
        case ast.TagGot() | ast.Joined(gathering="segment"):
            return _state_since(event, scope, since)
        case ast.Unsubscribed(channel=channel) if condition.last is None:
            wanted = {"channel": _CHANNEL.get(channel or "email", Channel.EMAIL)}
            return _related(tables.suppression, scope, **wanted)
        case ast.PointsReached(points=points, group=None):
            return _sure(scope.contact.c.points >= points)
    activity = tables.activity.alias()
    asked = (
        activity.c.workspace_id == scope.workspace_id,
        activity.c.contact_id == scope.contact.c.id,
        answers(event, activity, scope),
        true() if since is None else activity.c.occurred_at >= since,
    )
    if event.times == 1:
        return exists(select(1).where(*asked))
    often = select(func.count()).select_from(activity).where(*asked).scalar_subquery()
    return often >= event.times


def _state_since(event: Any, scope: Scope, since: Sql | None) -> ColumnElement[bool]:
    if isinstance(event, ast.TagGot):
        table, when = tables.contact_tag, tables.contact_tag.c.at
        wanted = table.c.tag_id == scope.names.id("tag", event.tag.text)
    else:
        table, when = tables.segment_member, tables.segment_member.c.since
        wanted = table.c.segment_id == scope.names.id("segment", event.name.text)
    return exists(
        select(1).where(
            table.c.workspace_id == scope.workspace_id,
            table.c.contact_id == scope.contact.c.id,
            wanted,
            true() if since is None else when >= since,
        )
    )
