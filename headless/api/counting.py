"""`?count=exact|estimate`: how many things a list has, told with its first page.

A list is counted by its own statement without the limit, in the transaction that read the page, so
that no route can forget a filter. `estimate` asks the planner instead and costs nothing.
"""

import inspect
from typing import Any, Final, Literal, cast, get_args, get_origin

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from sqlalchemy import Executable, Select, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement

from headless.api.shapes import Page
from headless.problems import Problem
from headless.storage.database import Params, Rows, Transaction

NAME: Final = "count"
Way = Literal["exact", "estimate"]
_PROBED: Final = 1
"""The limit of statements that only look whether there is anything: they are no list."""


class Heard(Transaction):
    """A transaction that remembers the statement that read a page."""

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx.connection, tx.diary)
        self.entries, self.wakes = tx.entries, tx.wakes
        self._page: tuple[Select[*tuple[Any, ...]], Params | None] | None = None

    async def execute(self, statement: Executable, params: Params | None = None) -> Rows:
        """Run a statement; one with a limit is the list's, the last of several.

        One that reads only a part of what it looks through says what it stands for by the option
        `page`.
        """
        if isinstance(statement, Select) and (statement._limit or 0) > _PROBED:
            self._page = statement.get_execution_options().get("page", statement), params
        return await super().execute(statement, params)

    async def total(self, way: Way) -> int | None:
        """How many there are without the limit; None when no page was read."""
        if self._page is None:
            return None
        statement, params = self._page
        whole = statement.limit(None).order_by(None)
        if way == "estimate":
            told = await super().execute(_Explain(whole), params)
            return int(told.scalar_one()[0]["Plan"]["Plan Rows"])
        found = await super().execute(select(func.count()).select_from(whole.subquery()), params)
        return int(found.scalar_one())


class _Explain(Executable, ClauseElement):
    """What the planner thinks of a statement, as JSON."""

    inherit_cache = False

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self.statement = statement


@compiles(_Explain)
def _explained(element: _Explain, compiler: Any, **more: Any) -> str:
    return f"explain (format json) {compiler.process(element.statement, **more)}"


def is_list(handler: BaseRouteHandler) -> bool:
    """Whether a GET answers a list from its beginning to its end, page by page or in one."""
    if not isinstance(handler, HTTPRouteHandler) or "GET" not in handler.http_methods:
        return False
    answered = inspect.get_annotations(handler.fn).get("return")
    parameters = handler.parsed_fn_signature.parameters
    return get_origin(answered) is Page and ("cursor" in parameters or "limit" not in parameters)


def asked(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> Way | None:
    """What a request for a list asks for; later pages are not counted again.

    Raises Problem `invalid_value`.
    """
    given = connection.query_params.get(NAME)
    if given is None or not is_list(handler):
        return None
    if given not in get_args(Way):
        raise Problem("invalid_value", "`count` is `exact` or `estimate`")
    return None if "cursor" in connection.query_params else cast(Way, given)


def put_in(body: bytes, total: int | None) -> bytes:
    """A page with its count; one that is all there is counts itself."""
    page: dict[str, Any] = msgspec.json.decode(body)
    if page.get("next_cursor") is None:
        total = len(page["data"])
    return body if total is None else msgspec.json.encode(page | {NAME: total})
