"""The command line as a client of the API: where it is, who we are, and what a refusal means.

The address is HEADLESS_URL, the token HEADLESS_TOKEN or the one in the data folder. Every refusal
becomes a `Failure` with the exit code that fits.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from headless.cli import environment
from headless.cli.output import Exit, Failure

_PATIENCE: Final = httpx.Timeout(60, connect=5)
_LOOK: Final = "look at `headless doctor`"
_FIXES: Final = {
    "name_taken": "choose another name, or change the one that has it",
    "plan_drifted": "look at the plan again: run the same command once more",
    "wrong_state": "`headless campaigns show NAME` tells its state",
    "approval_required": "somebody else must agree: `headless campaigns approve NAME`",
    "self_approval": "ask somebody else who may approve; `headless members list` shows the roles",
    "stale_version": "read it again and repeat the change",
    "insufficient_scope": "use a token with the scope, in HEADLESS_TOKEN",
    "unknown_field": "add `--on-missing-field create`, or mend the name",
}


class Refused(Failure):
    """The API answered with a problem; `problem` has its members."""

    def __init__(self, problem: Mapping[str, Any], fix: str, code: Exit) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title")), fix, code)
        self.problem = problem


class Client:
    """Calls the API; the paths begin with `/v1`."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def get(self, path: str, **query: Any) -> Any:
        """The JSON that a path answers."""
        return self.ask("GET", path, params=_given(query)).json()

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON that a path answers to a body."""
        return self.ask("POST", path, json=body or {}, params=_given(query)).json()

    def text(self, path: str, **query: Any) -> str:
        """What a person reads at a path."""
        headers = {"Accept": "text/plain"}
        return self.ask("GET", path, params=_given(query), headers=headers).text

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Every item of a list."""
        cursor = None
        while True:
            page = self.get(path, **query, cursor=cursor)
            yield from page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The answer, if it is no refusal; raises Failure."""
        try:
            answered = self.http.request(method, path, **how)
        except httpx.TransportError as error:
            raise self.away(error) from error
        if answered.is_success:
            return answered
        raise refusal(answered)

    def away(self, error: httpx.TransportError) -> Failure:
        """What it means that nobody answers."""
        return Failure(
            f"{self.http.base_url} does not answer: {error}",
            "start it with `headless dev`, or set HEADLESS_URL",
            Exit.TRY_AGAIN,
        )


def refusal(answered: httpx.Response) -> Refused:
    """What an answer that is not a success means for whoever called."""
    try:
        problem = answered.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict) or "detail" not in problem:
        problem = {"detail": f"the answer was {answered.status_code}: {answered.text[:200]}"}
    status = answered.status_code
    fix = _FIXES.get(str(problem.get("code")))
    if problem.get("declined"):
        fix = "change it and start anew, or ask once more with `--ask-again`"
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        fix = _where_it_is_listed(answered.request.url.path)
    if status == httpx.codes.UNAUTHORIZED:
        fix = "set HEADLESS_TOKEN, or use the token that `headless dev` wrote"
        return Refused(problem, fix, Exit.NOT_AUTHENTICATED)
    if status == httpx.codes.FORBIDDEN:
        return Refused(problem, fix or _LOOK, Exit.NOT_AUTHENTICATED)
    if status in (httpx.codes.CONFLICT, httpx.codes.PRECONDITION_FAILED):
        return Refused(problem, fix or _LOOK, Exit.CONFLICT)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Refused(problem, "try again in a moment; " + _LOOK, Exit.TRY_AGAIN)
    return Refused(problem, fix or "change what you asked for", Exit.NOT_FINE)


def _where_it_is_listed(path: str) -> str:
    """What to do about a name or an id that nothing has."""
    noun = path.removeprefix("/v1/").partition("/")[0]
    lists = ("campaigns", "members", "messages", "tokens")
    return "check the spelling" + (
        f"; `headless {noun} list` shows the {noun}" if noun in lists else " of the name or the id"
    )


def segment(name: str) -> str:
    """A name or an id as one segment of a path."""
    return quote(name, safe="")


def contact_id(client: Client, contact: str) -> str:
    """The id of a contact that a person names as `who` says."""
    if contact.startswith("con_"):
        return contact
    return str(client.post("/v1/contacts/lookup", who(contact))["id"])


def who(contact: str) -> dict[str, str]:
    """A contact as bodies name it: by its id (con_…), its address or the caller's own id."""
    if contact.startswith("con_"):
        return {"id": contact}
    return {"email" if "@" in contact else "external_id": contact}


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


@contextmanager
def connected() -> Iterator[Client]:
    """A client of the installation that the environment names."""
    settings = environment.settings()
    token = settings.token or _kept_token(settings.data_dir)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=settings.url, headers=headers, timeout=_PATIENCE) as http:
        yield Client(http)


def _kept_token(data_dir: Path) -> str:
    try:
        return (data_dir / "token").read_text(encoding="ascii").strip()
    except OSError as error:
        raise Failure(
            f"there is no token: HEADLESS_TOKEN is not set and {data_dir / 'token'} is not there",
            "set HEADLESS_TOKEN, or start `headless dev` in this folder",
            Exit.NOT_AUTHENTICATED,
        ) from error
