"""Left: whoever waits for `left campaign X`, and the segments that ask of it, hear of each end.

Pure: a part of a statement that ends runs. Imports `audience` and `stands`.
"""

from sqlalchemy import CTE, cast, null, select
from sqlalchemy.dialects.postgresql import JSONB

from headless.audience.activities import told
from headless.runtime.stands import NOW, Version
from headless.storage import tables
from headless.storage.codes import ActivityKind

ENDED = (
    tables.enrollment.c.id,
    tables.enrollment.c.contact_id,
    tables.enrollment.c.ended_at,
    tables.enrollment.c.state,
)
"""What a part that ends runs has to return."""


def tell(version: Version, ended: CTE, *, name: str) -> tuple[CTE, CTE]:
    """Two parts that tell of ended runs; `ended` returns `ENDED`. Takes `:now`."""
    rows = select(
        ended.c.contact_id,
        ended.c.ended_at,
        ended.c.id.label("run"),
        cast(null(), JSONB),
        ended.c.state,
    )
    kind = ActivityKind.LEFT_CAMPAIGN
    return told(version.workspace_id, rows, kind, version.campaign_id, now=NOW, name=f"left_{name}")
