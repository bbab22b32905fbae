"""Whether a contact wants mails of an email's topic, as SQL.

Pure: asked by a step before it writes an intent and by the channel before it hands over. An email
without a topic costs one look for all contacts together. Imports the tables.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, select

from headless.storage.tables import email, topic, topic_choice


def unwanted(
    workspace_id: ColumnElement[int], email_id: ColumnElement[Any], contact_id: ColumnElement[int]
) -> ColumnElement[Any]:
    """Why a contact gets no mails of an email's topic, as text; null where nothing is in the way.

    Of a topic that is opted into, those who said nothing get none.
    """
    mail, about, chosen = email.alias(), topic.alias(), topic_choice.alias()
    of = (
        select(mail.c.topic_id)
        .where(mail.c.workspace_id == workspace_id, mail.c.id == email_id)
        .correlate_except(mail)
        .scalar_subquery()
    )
    mine = and_(
        chosen.c.workspace_id == about.c.workspace_id,
        chosen.c.topic_id == about.c.id,
        chosen.c.contact_id == contact_id,
    )
    left = literal("unsubscribed from `").concat(about.c.name).concat("`")
    never = literal("not subscribed to `").concat(about.c.name).concat("`")
    reason = (
        select(
            case(
                (chosen.c.subscribed.is_(False), left),
                (and_(about.c.opt_in, chosen.c.subscribed.is_(None)), never),
            )
        )
        .select_from(about.outerjoin(chosen, mine))
        .where(about.c.workspace_id == workspace_id, about.c.id == of)
        .correlate_except(about, chosen)
        .scalar_subquery()
    )
    return case((of.is_not(None), reason))
