"""Routes that are still empty."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

HANDLERS: Final[list[HTTPRouteHandler]] = []
