"""Pages by their addresses: a visit that says only where it was is one of a named page.

Imports storage.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Text, and_, bindparam, column, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from headless.storage.database import Transaction
from headless.storage.tables import page


async def pages_at(tx: Transaction, workspace_id: int, urls: Collection[str]) -> dict[str, int]:
    """The named pages at these addresses; of several that fit, the one named most exactly.

    A page's own `*` stands for anything. The query of an address counts only where the page's has
    one, its fragment never.
    """
    given = (
        func.unnest(bindparam("urls", sorted(urls), type_=ARRAY(Text)))
        .table_valued(column("url", Text), name="given")
        .render_derived()
    )
    pattern: Any = page.c.url
    for mark in ("\\", "%", "_"):
        pattern = func.replace(pattern, mark, f"\\{mark}")
    pattern = func.rtrim(func.replace(pattern, "*", "%"), "/")
    whole = func.split_part(given.c.url, "#", 1)
    bare = func.split_part(whole, "?", 1)
    fits = or_(
        func.rtrim(bare, "/").ilike(pattern),
        and_(func.strpos(page.c.url, "?") > 0, func.rtrim(whole, "/").ilike(pattern)),
    )
    rows = await tx.execute(
        select(given.c.url, page.c.id)
        .ext(distinct_on(given.c.url))
        .select_from(given.join(page, and_(page.c.workspace_id == workspace_id, fits)))
        .order_by(given.c.url, func.length(page.c.url).desc(), page.c.id)
    )
    return {row.url: row.id for row in rows}
