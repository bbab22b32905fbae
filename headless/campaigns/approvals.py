"""Approvals: what concerns more contacts than the workspace allows needs a second person's word.

Whoever starts asks; somebody else, who may approve, agrees to exactly that plan; then it starts.
Nobody approves their own, whichever of their tokens or accounts they use. A word holds for the plan
it was given for, and no longer when many more contacts have come under it meanwhile. Who may
approve may decline too, and whoever asked may take it back; a plan that was declined is asked about
again only by somebody who says so. Imports `publish`, `news` and storage.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, and_, case, select, update
from sqlalchemy.dialects.postgresql import insert

from headless import ids
from headless.campaigns import news
from headless.campaigns.publish import Campaign, find
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import approval, member, slack_account, workspace

MOST_THRESHOLD: Final = 10**9
_APPROVING: Final = ("approver", "admin")
_STARTING: Final = ("editor", *_APPROVING)
_MARGIN: Final = 100
_WORD: Final = (
    *("approved_by", "approved_name", "approved_at"),
    *("declined_by", "declined_name", "declined_at", "reason"),
)


class Signer(msgspec.Struct, frozen=True):
    """Who asks for a start or agrees to it.

    `actor` is one person however they come in: `mem_…` for a colleague (tokens, linked accounts),
    `slack:T1/U2` for an account that is linked with nobody, `tok_…` for a service account, which
    never `approves`.
    """

    actor: str
    name: str
    approves: bool = False


class Approval(msgspec.Struct, frozen=True):
    """A plan that waits for a second word, or has it; `contacts` is how many it concerned.

    Who declined it stands in `declined_by`, which is whoever asked where they took it back.
    """

    id: int
    campaign_id: int
    plan: str
    contacts: int
    asked_by: str
    asked_name: str
    asked_at: datetime
    approved_by: str | None
    approved_name: str | None
    approved_at: datetime | None
    declined_by: str | None
    declined_name: str | None
    declined_at: datetime | None
    reason: str | None

    @property
    def waits(self) -> bool:
        """Whether nobody has said yes or no yet."""
        return self.approved_by is None and self.declined_by is None

    def covers(self, contacts: int) -> bool:
        """Whether the word was given, and for about so many: 10 % or 100 more, at most."""
        most = self.contacts + max(_MARGIN, self.contacts // 10)
        return self.approved_by is not None and contacts <= most


# ---------------------------------------------------------------- the threshold


async def threshold(tx: Transaction, workspace_id: int) -> int | None:
    """How many contacts one person may start a campaign for; None: as many as they like."""
    found: int | None = await tx.scalar(
        select(workspace.c.approval_threshold).where(workspace.c.id == workspace_id)
    )
    return found


async def set_threshold(tx: Transaction, workspace_id: int, most: int | None) -> None:
    """Say from when on a second person must agree; None: never.

    Raises Problem `invalid_value` for a number that makes no sense, and for a threshold that nobody
    could pass: it takes somebody who may approve, and another who may start.
    """
    if most is not None:
        if not 0 <= most <= MOST_THRESHOLD:
            raise Problem(
                "invalid_value", f"`approval_threshold` counts from 0 to {MOST_THRESHOLD:,}"
            )
        able = await approvers(tx, workspace_id)
        if not able:
            raise Problem(
                "invalid_value",
                "nobody here may approve, so nothing above the threshold could ever start; give "
                "somebody the role `approver` first",
            )
        if len(await _people(tx, workspace_id, _STARTING)) < 2:
            raise Problem(
                "invalid_value",
                f"only {able[0].name} could start and approve, and nobody approves their own; give "
                "a second person the role `editor` or `approver` first",
            )
    await tx.execute(
        update(workspace).where(workspace.c.id == workspace_id).values(approval_threshold=most)
    )


async def approvers(tx: Transaction, workspace_id: int) -> tuple[Signer, ...]:
    """Who may approve here, each person once."""
    return await _people(tx, workspace_id, _APPROVING)


async def _people(tx: Transaction, workspace_id: int, roles: tuple[str, ...]) -> tuple[Signer, ...]:
    """The colleagues and the Slack accounts with one of these roles; linked ones are one person."""
    a = slack_account.c
    colleague = and_(member.c.workspace_id == a.workspace_id, member.c.id == a.member_id)
    members = await tx.execute(
        select(member.c.id, member.c.name)
        .where(
            member.c.workspace_id == workspace_id,
            member.c.left_at.is_(None),
            member.c.role.in_(roles),
        )
        .order_by(member.c.id)
    )
    accounts = await tx.execute(
        select(a.team_id, a.user_id, a.name, a.member_id, member.c.name.label("colleague"))
        .outerjoin(member, and_(colleague, member.c.left_at.is_(None)))
        .where(a.workspace_id == workspace_id, a.role.in_(roles))
        .order_by(a.user_id)
    )
    found = {ids.encode("mem", row.id): row.name for row in members}
    for row in accounts:
        linked = ids.encode("mem", row.member_id) if row.colleague is not None else None
        actor = linked or f"slack:{row.team_id}/{row.user_id}"
        found.setdefault(actor, row.colleague or row.name or row.user_id)
    approves = roles == _APPROVING
    return tuple(Signer(actor, name, approves) for actor, name in found.items())


# ---------------------------------------------------------------- asking and agreeing


async def is_needed(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    plan: str,
    contacts: int,
    by: Signer | None,
) -> bool:
    """Whether a second word is still needed before `by` may do what `plan` says."""
    most = await threshold(tx, workspace_id)
    if most is None or contacts <= most:
        return False
    given = await find_approval(tx, workspace_id, campaign_id, plan)
    return given is None or not given.covers(contacts) or (by and by.actor) == given.approved_by


async def require(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    plan: str,
    contacts: int,
    by: Signer | None,
) -> None:
    """Raise Problem `approval_required` while a second word is needed; it tells of a refusal."""
    if not await is_needed(tx, workspace_id, campaign_id, plan=plan, contacts=contacts, by=by):
        return
    most = await threshold(tx, workspace_id)
    able = [one for one in await approvers(tx, workspace_id) if by is None or one.actor != by.actor]
    who = ", ".join(one.name for one in able[:5])
    told: dict[str, Any] = {"plan": plan, "contacts": contacts}
    told["approvers"] = [one.name for one in able]
    held = await find_approval(tx, workspace_id, campaign_id, plan)
    if held is not None and held.declined_by is not None:
        told["declined"] = {"by": held.declined_name, "reason": held.reason}
        raise Problem(
            "approval_required",
            f"{_refusal(held)}; change it, or ask once more by sending this with `ask_again`",
            **told,
        )
    raise Problem(
        "approval_required",
        f"it concerns {contacts:,} contacts, and above {most:,} a second person must approve; "
        + (f"{who} can" if able else "nobody else here can: give somebody the role `approver`"),
        **told,
    )


def _refusal(held: Approval) -> str:
    """Who said no, and why."""
    if held.declined_by == held.asked_by:
        return f"{held.asked_name} took it back"
    because = f": “{held.reason}”" if held.reason else ""
    return f"{held.declined_name} declined it{because}"


async def ask(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    plan: str,
    contacts: int,
    by: Signer,
    again: bool = False,
    now: datetime,
) -> Approval:
    """Ask for a second word on a plan.

    Who asked first stays; a word that no longer covers what it was given for must be given anew.
    One that was declined stays so unless it is asked `again`.
    """
    a = approval.c
    row = insert(approval).values(
        workspace_id=workspace_id,
        campaign_id=campaign_id,
        plan=plan,
        contacts=contacts,
        asked_by=by.actor,
        asked_name=by.name,
        asked_at=now,
    )
    held = await find_approval(tx, workspace_id, campaign_id, plan)
    if held is not None and held.covers(contacts) and held.approved_by != by.actor:
        return held
    if held is not None and held.declined_by is not None and not again:
        return held
    open_ = and_(a.approved_by.is_(None), a.declined_by.is_(None))
    new = row.excluded
    asked = await tx.execute(
        row.on_conflict_do_update(
            index_elements=["workspace_id", "campaign_id", "plan"],
            set_={
                "contacts": new.contacts,
                "asked_by": case((open_, a.asked_by), else_=new.asked_by),
                "asked_name": case((open_, a.asked_name), else_=new.asked_name),
                "asked_at": case((open_, a.asked_at), else_=new.asked_at),
                **dict.fromkeys(_WORD),
            },
        ).returning(approval)
    )
    if held is None or not held.waits:  # not who asks once more
        await news.tell(
            tx, workspace_id, campaign_id, "approval_requested", now=now, plan=plan,
            contacts=contacts,
        )  # fmt: skip
    return _read(asked.mappings().one())


async def approve(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    plan: str | None,
    by: Signer,
    now: datetime,
) -> Approval:
    """Agree to a plan that somebody else has asked about; a second time changes nothing.

    Raises Problem `wrong_state` when nobody has asked, `plan_required` with the plan that waits,
    `plan_drifted` for another one, `self_approval` for one's own, and `insufficient_scope` for who
    may not approve.
    """
    found = await find(tx, workspace_id, campaign_id, lock=True)
    if not by.approves:
        raise Problem(
            "insufficient_scope",
            f"approving takes a person with the role `approver` or `admin`; {by.name} is none",
        )
    asked = await listing(tx, workspace_id, campaign_id)
    given = asked_about(found, asked if plan else [one for one in asked if one.waits], plan)
    if given.asked_by == by.actor:
        raise Problem(
            "self_approval", f"{by.name} asked for it; somebody else must approve", plan=given.plan
        )
    if given.declined_by == given.asked_by:
        raise Problem("wrong_state", f"{given.asked_name} took it back; it must be asked anew")
    if given.approved_by is not None:
        return given
    word = {"approved_by": by.actor, "approved_name": by.name, "approved_at": now}
    return await give(tx, workspace_id, given, "approved", word, now=now)


def asked_about(found: Campaign, asked: list[Approval], plan: str | None) -> Approval:
    """Which of what was asked a word is about; `asked` is what it can be about.

    Raises Problem `wrong_state` when that is nothing, `plan_required` without a plan, and
    `plan_drifted` for another one.
    """
    if found.state == "draft" and plan is None:
        asked = [one for one in asked if one.plan == found.hash]
    if not asked:
        raise Problem("wrong_state", f"nothing waits for a word on `{found.name}`")
    if plan is None:
        newest = asked[0]
        raise Problem(
            "plan_required",
            f'send {{"plan": "{newest.plan}"}}',
            plan={"hash": newest.plan, "contacts": newest.contacts, "asked_by": newest.asked_name},
        )
    given = next((one for one in asked if one.plan == plan), None)
    if given is None or (found.state == "draft" and found.hash != plan):
        raise Problem(
            "plan_drifted", "the text has changed since that was asked; it must be asked anew"
        )
    return given


async def give(
    tx: Transaction,
    workspace_id: int,
    given: Approval,
    what: str,
    word: dict[str, Any],
    *,
    now: datetime,
) -> Approval:
    """Write a word down in the place of the one before, and tell of it."""
    said = await tx.execute(
        update(approval)
        .where(approval.c.workspace_id == workspace_id, approval.c.id == given.id)
        .values({**dict.fromkeys(_WORD), **word})
        .returning(approval)
    )
    await news.tell(
        tx, workspace_id, given.campaign_id, what, now=now, plan=given.plan,
        contacts=given.contacts, reason=word.get("reason"),
    )  # fmt: skip
    return _read(said.mappings().one())


async def find_approval(
    tx: Transaction, workspace_id: int, campaign_id: int, plan: str
) -> Approval | None:
    """What was asked and said about a plan; None when nobody has asked."""
    found = await tx.execute(
        select(approval).where(
            approval.c.workspace_id == workspace_id,
            approval.c.campaign_id == campaign_id,
            approval.c.plan == plan,
        )
    )
    row = found.mappings().one_or_none()
    return None if row is None else _read(row)


async def listing(tx: Transaction, workspace_id: int, campaign_id: int) -> list[Approval]:
    """What was asked about a campaign's plans, the newest first."""
    rows = await tx.execute(
        select(approval)
        .where(approval.c.workspace_id == workspace_id, approval.c.campaign_id == campaign_id)
        .order_by(approval.c.asked_at.desc(), approval.c.id.desc())
    )
    return [_read(row) for row in rows.mappings()]


def _read(row: RowMapping) -> Approval:
    return Approval(**{name: row[name] for name in Approval.__struct_fields__})
