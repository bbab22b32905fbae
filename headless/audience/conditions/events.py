"""Events as SQL: whether an activity answers one, and whether one has happened.

Pure. Looking back, what the tables still show (a tag and since when, a run and its times) counts
beside the activities, for those that our own changes bring about are written down only where
somebody asks for them. Imports the language's tree, `facts`, `heard`, `patterns`, `values` and the
tables.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)

from headless.audience.conditions.facts import CHANNELS, asked, related, suppressed
from headless.audience.conditions.heard import Heard, heard
from headless.audience.conditions.patterns import like, like_page, sure
from headless.audience.values import Scope, Sql, points_in, shifted
from headless.dsl import ast
from headless.dsl.names import is_pattern
from headless.storage import tables
from headless.storage.codes import ActivityKind, EnrollmentState


def holds(condition: ast.Condition, scope: Scope) -> ColumnElement[bool]:
    """The condition as SQL that is true or false and never null."""
    return asked(condition, scope, _happened)


def answers(
    event: ast.Event, activity: FromClause, scope: Scope, *, since: Sql | None = None
) -> ColumnElement[bool]:
    """Whether a row of the table `activity` answers an event: its kind, its ref and its details.

    `since` is when the window opens in which it may happen; `spent 5m on site` adds up from there.
    """
    if isinstance(event, ast.AnyOf):
        return or_(*(answers(part, activity, scope, since=since) for part in event.events))
    if isinstance(event, ast.AllOf):
        raise TypeError("several events together are not one activity")
    (one,) = heard(event, scope.names)
    kind = activity.c.kind == int(one.kind)
    about = activity.c.ref == one.ref if one.ref else true()
    by_person = not_(activity.c.machine)
    return and_(kind, about, by_person, _details(event, one, activity, scope, since))


def _details(
    event: ast.Single, one: Heard, activity: FromClause, scope: Scope, since: Sql | None
) -> ColumnElement[bool]:
    properties = activity.c.properties
    match event:
        case ast.LinkClicked(link=link):
            return like_page(properties["url"].astext, link)
        case ast.PageVisited(page=page, referrer=referrer, device=device):
            visit = and_(*_visit(properties, referrer, device))
            if is_pattern(page.text):
                return and_(like_page(properties["url"].astext, page.text), visit)
            return visit
        case ast.SiteVisited(referrer=referrer, device=device):
            return and_(*_visit(properties, referrer, device))
        case ast.TimeSpent():
            return _time_is_up(event, one, activity, since)
        case ast.Replied(pattern=str(pattern)):
            return like(properties["text"].astext, pattern)
        case ast.PointsReached(points=points, group=group):
            before = cast(properties["from"].astext, Numeric)
            after = cast(properties["to"].astext, Numeric)
            reached = sure((before < points) & (after >= points))
            return reached if group else and_(activity.c.ref == 0, reached)
        case ast.Unsubscribed(channel="all"):
            return activity.c.ref == 0
        case ast.Did(where=ast.Node() as where):
            inside = msgspec.structs.replace(scope, event=properties)
            return holds(_of_event(where), inside)
        case _:
            return true()


def _visit(properties: Sql, referrer: str | None, device: ast.Name | None) -> Iterator[Sql]:
    yield true()
    if referrer is not None:
        yield like_page(properties["referrer"].astext, referrer)
    if device is not None:
        yield sure(func.lower(properties["device"].astext) == device.text.lower())


def _time_is_up(
    event: ast.TimeSpent, one: Heard, activity: FromClause, since: Sql | None
) -> ColumnElement[bool]:
    """Whether this stay fills up the time: once for each time that it adds up to so much."""
    before = tables.activity.alias()
    page = event.page
    same = [
        before.c.workspace_id == activity.c.workspace_id,
        before.c.contact_id == activity.c.contact_id,
        before.c.kind == int(ActivityKind.SPENT),
        before.c.occurred_at <= activity.c.occurred_at,
        or_(before.c.occurred_at < activity.c.occurred_at, before.c.id < activity.c.id),
    ]
    if one.ref:
        same.append(before.c.ref == one.ref)
    if since is not None:
        same.append(before.c.occurred_at >= since)
    if page is not None and is_pattern(page.text):
        same.append(like_page(before.c.properties["url"].astext, page.text))
    earlier = (
        select(func.coalesce(func.sum(_seconds(before)), 0))
        .where(*same)
        .correlate_except(before)
        .scalar_subquery()
    )
    wanted = event.duration.least_seconds
    total = func.floor((earlier + _seconds(activity)) / wanted)
    filled = total > func.floor(earlier / wanted)
    if page is not None and is_pattern(page.text):
        return and_(like_page(activity.c.properties["url"].astext, page.text), filled)
    return filled


def _seconds(activity: FromClause) -> Sql:
    text = activity.c.properties["seconds"].astext
    number = case((func.pg_input_is_valid(text, "numeric"), cast(text, Numeric)))
    return func.greatest(func.coalesce(number, 0), 0)


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


# ---------------------------------------------------------------- looking back


def _happened(condition: ast.Happened, scope: Scope) -> ColumnElement[bool]:
    """An event looking back: over `in last D`, over everything (`ever`), else to the entry."""
    since = None if condition.ever else scope.since
    if condition.last is not None:
        since = shifted(scope.now, condition.last, scope.zone, back=True)
    event = condition.event
    match event:
        case ast.Unsubscribed(channel=channel) if condition.last is None:
            return _refused(channel, scope)
        case ast.Joined(gathering="campaign") | ast.Left(gathering="campaign"):
            return _runs(event, scope, since)
        case ast.TimeSpent():
            return _spent(event, scope, since)
        case ast.PointsReached() if event.times == 1 and condition.last is None:
            return _has_points(event, scope)
    written = _written(event, scope, since)
    return or_(written, *_still_shown(event, scope, since)) if event.times == 1 else written


def _after(moment: Any, since: Sql | None) -> ColumnElement[bool]:
    return true() if since is None else moment >= since


def _written(event: ast.Single, scope: Scope, since: Sql | None) -> ColumnElement[bool]:
    """By the activities that were written down."""
    activity = tables.activity.alias()
    found = select(1).where(
        activity.c.workspace_id == scope.workspace_id,
        activity.c.contact_id == scope.contact.c.id,
        answers(event, activity, scope),
        _after(activity.c.occurred_at, since),
    )
    if event.times == 1:
        return exists(found)
    counted = found.with_only_columns(func.count()).correlate(scope.contact)
    return counted.scalar_subquery() >= event.times


def _still_shown(
    event: ast.Single, scope: Scope, since: Sql | None
) -> Iterator[ColumnElement[bool]]:
    """By what the tables still show of it."""
    names = scope.names
    match event:
        case ast.TagGot(tag=name):
            t = tables.contact_tag
            yield related(t, scope, _after(t.c.at, since), tag_id=names.id("tag", name.text))
        case ast.Joined(gathering="segment", name=name):
            m = tables.segment_member
            number = names.id("segment", name.text)
            yield related(m, scope, _after(m.c.since, since), segment_id=number)
        case ast.StageEntered(stage=name) if since is None:
            yield sure(func.lower(scope.contact.c.stage) == name.text.lower())
        case ast.Unsubscribed(channel=channel):
            s = tables.suppression
            wanted = s.c.channel == CHANNELS.get(channel or "email", 0)
            unsubscribed = s.c.reason == "unsubscribed"
            yield related(s, scope, _after(s.c.at, since), wanted, unsubscribed)
        case _:
            pass


def _refused(channel: str | None, scope: Scope) -> ColumnElement[bool]:
    """`unsubscribed [from X]` without a span of time asks how it stands now."""
    if channel == "all":
        return and_(*(suppressed(each, scope) for each in CHANNELS.values()))
    return suppressed(CHANNELS[channel or "email"], scope)


def _runs(event: ast.Joined | ast.Left, scope: Scope, since: Sql | None) -> ColumnElement[bool]:
    """The runs through a campaign tell when they began and ended."""
    run = tables.enrollment.alias()
    if isinstance(event, ast.Joined):
        when = _after(run.c.entered_at, since)
    else:
        over = run.c.state != EnrollmentState.RUNNING
        when = and_(over, _after(func.coalesce(run.c.ended_at, run.c.entered_at), since))
    found = (
        select(1)
        .where(
            run.c.workspace_id == scope.workspace_id,
            run.c.contact_id == scope.contact.c.id,
            run.c.campaign_id == scope.names.id("campaign", event.name.text),
            when,
        )
        .correlate(scope.contact)
    )
    if event.times == 1:
        return exists(found)
    return found.with_only_columns(func.count()).scalar_subquery() >= event.times


def _spent(event: ast.TimeSpent, scope: Scope, since: Sql | None) -> ColumnElement[bool]:
    """The time spent adds up, whatever the visits."""
    activity = tables.activity.alias()
    (one,) = heard(event, scope.names)
    page = event.page
    wanted = [
        activity.c.workspace_id == scope.workspace_id,
        activity.c.contact_id == scope.contact.c.id,
        activity.c.kind == int(ActivityKind.SPENT),
        _after(activity.c.occurred_at, since),
    ]
    if one.ref:
        wanted.append(activity.c.ref == one.ref)
    if page is not None and is_pattern(page.text):
        wanted.append(like_page(activity.c.properties["url"].astext, page.text))
    total = select(func.coalesce(func.sum(_seconds(activity)), 0)).where(*wanted)
    needed = event.duration.least_seconds * event.times
    return total.correlate(scope.contact).scalar_subquery() >= needed


def _has_points(event: ast.PointsReached, scope: Scope) -> ColumnElement[bool]:
    """`reached N points` is so as soon as they are there."""
    have = scope.contact.c.points if event.group is None else points_in(event.group.text, scope)
    return func.coalesce(have >= event.points, false())
