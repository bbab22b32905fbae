"""A real Chromium, driven over its DevTools protocol: for tests of what runs in people's browsers.

`chromium()` answers where it is, None where it is not; `running()` starts it, alone and with an
empty profile, and answers a `Browser` whose tabs can be opened, shown and asked.
"""

import asyncio
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip


def chromium() -> str | None:
    """The program, where one is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


async def until(condition: Any, seconds: float = 20.0) -> Any:
    """What `condition` answers as soon as it is true."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        if found := await condition():
            return found
        if loop.time() > end:
            raise AssertionError(f"this did not come true in {seconds} seconds")
        await asyncio.sleep(0.05)


class Tab:
    """One tab."""

    def __init__(self, browser: "Browser", target: str, session: str) -> None:
        self.browser = browser
        self.target = target
        self.session = session

    async def call(self, method: str, **parameters: Any) -> Any:
        return await self.browser.call(method, session=self.session, **parameters)

    async def goto(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        await self.ask("window.left = true")
        await self.call("Page.navigate", url=url)
        await until(lambda: self.ask("!window.left && document.readyState === 'complete'"))

    async def ask(self, expression: str) -> Any:
        """The value of an expression in the page, None while it is being changed."""
        with suppress(RuntimeError):
            answer = await self.call(
                "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
            )
            if "exceptionDetails" in answer:
                raise AssertionError(answer["exceptionDetails"])
            return answer["result"].get("value")

    async def before_each_page(self, source: str) -> None:
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=source)

    async def show(self) -> None:
        """Bring it to the front: the others are hidden then."""
        await self.browser.call("Target.activateTarget", targetId=self.target)

    async def close(self) -> None:
        await self.browser.call("Target.closeTarget", targetId=self.target)


class Browser:
    """A Chromium; `errors` is what its tabs' consoles complained of."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.errors: list[str] = []
        self._own: str | None = None
        self._tabs: list[Tab] = []
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            data = json.loads(message.data)
            waiting = self._waiting.pop(data.get("id", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(data)
            if data.get("method") == "Log.entryAdded":
                entry = data["params"]["entry"]
                if entry["level"] == "error" and "favicon" not in entry.get("url", ""):
                    self.errors.append(f"{entry['text']} {entry.get('url', '')}")

    async def call(self, method: str, *, session: str | None = None, **parameters: Any) -> Any:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        whole = {"id": number, "method": method, "params": parameters}
        await self.socket.send_json(whole | ({"sessionId": session} if session else {}))
        answer = await asyncio.wait_for(self._waiting[number], 20)
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    async def tab(self, *, context: str | None = None) -> Tab:
        """A new tab, in front, of this person or with `context` of another one (`profile()`)."""
        context = context or self._own
        more = {"browserContextId": context} if context else {}
        made = await self.call("Target.createTarget", url="about:blank", **more)
        target = made["targetId"]
        attached = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        tab = Tab(self, target, attached["sessionId"])
        self._tabs.append(tab)
        for domain in ("Page", "Runtime", "Log"):
            await tab.call(f"{domain}.enable")
        return tab

    async def profile(self) -> str:
        """An empty profile: another person's browser."""
        made = await self.call("Target.createBrowserContext")
        return str(made["browserContextId"])

    @asynccontextmanager
    async def person(self) -> AsyncIterator["Browser"]:
        """The same with an empty profile, no tabs and no errors; its tabs are closed at the end."""
        self._own = await self.profile()
        self.errors.clear()
        try:
            yield self
        finally:
            while self._tabs:
                await self._tabs.pop().close()
            self._own = None

    async def close(self) -> None:
        with suppress(RuntimeError, asyncio.TimeoutError, ConnectionError):
            await self.call("Browser.close")
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


@asynccontextmanager
async def running() -> AsyncIterator[Browser]:
    """A Chromium that nobody else uses."""
    program = chromium()
    assert program is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program, *FLAGS, f"--user-data-dir={folder}", "about:blank",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            place = Path(folder) / "DevToolsActivePort"

            async def written() -> str:
                return place.read_text() if place.exists() else ""

            port, _, path = (await until(written, 60)).partition("\n")
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(
                    f"ws://127.0.0.1:{port}{path.strip()}", max_msg_size=0, heartbeat=None
                ) as socket,
            ):
                browser = Browser(socket)
                try:
                    yield browser
                finally:
                    await browser.close()
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
