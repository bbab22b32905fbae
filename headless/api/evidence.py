"""Evidence: what the ledger keeps of a request by which somebody agreed or refused.

Pure. The address is the one that the connection came from.
"""

from typing import Any

from litestar import Request

from headless.audience.consents import AGENT_LIMIT, Evidence


def evidence_of(request: Request[Any, Any, Any]) -> Evidence:
    """The address and the program of a request without a token."""
    agent = request.headers.get("user-agent", "")[:AGENT_LIMIT]
    printable = "".join(each for each in agent if each.isprintable())
    client = request.client
    return Evidence(ip=client.host if client is not None else None, user_agent=printable or None)
