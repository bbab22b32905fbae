"""The Slack channel: what campaigns say into a workspace's Slack. Imports its neighbours."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from headless.channels.accounts import Opened
from headless.channels.answers import SENT, Answer
from headless.channels.facts import NO_CONTACT, facts, namespaces
from headless.channels.http import Http
from headless.channels.ports import Due, Parcel, Refusal
from headless.channels.reach import Mode
from headless.channels.senders import slack
from headless.content.templates import TemplateError, compile_template
from headless.storage.codes import Channel
from headless.storage.database import Transaction


class SlackCourier:
    """Takes a workspace's Slack messages to Slack, one at a time: its limit is one a second."""

    channel = Channel.SLACK
    width = 1

    def __init__(self, own: Opened, http: Http) -> None:
        self._own = own
        self._http = http

    async def ready(self) -> Answer:
        """Always: Slack answers message by message."""
        return SENT

    async def prepare(
        self, transaction: Transaction, due: Sequence[Due], *, now: datetime
    ) -> list[Parcel | Refusal]:
        """The texts, or why there is none; all of one workspace."""
        known = await facts(transaction, Channel.SLACK, due)
        return [self._prepared(each, known.get(each.id), now) for each in due]

    def _prepared(self, due: Due, row: Row[Any] | None, now: datetime) -> Parcel | Refusal:
        if row is None:
            return Refusal(due.id, "skipped", NO_CONTACT)
        data = due.data or {}
        try:
            template = compile_template(str(data.get("text", "")), html=False)
            text = template.render(namespaces(due, row, now)).strip()
        except TemplateError as error:
            return Refusal(due.id, "parked", f"the message cannot be made: {error}")
        if not text:
            return Refusal(due.id, "parked", "the message is empty")
        mode = "live" if row.mode == "live" else "sandbox"
        return Parcel(due.id, mode, str(data.get("to") or ""), text.encode())

    async def send(self, parcel: Parcel, *, now: datetime) -> Answer:
        """Post one message."""
        request = slack.request(
            self._own.settings,
            self._own.secrets,
            channel=parcel.recipient or None,
            text=parcel.body.decode(),
        )
        mode: Mode = "live" if parcel.sender == "live" else "sandbox"
        response = await self._http.call(request, mode=mode)
        return response if isinstance(response, Answer) else slack.answer(response, now)

    async def close(self) -> None:
        """End all connections."""
        await self._http.close()
