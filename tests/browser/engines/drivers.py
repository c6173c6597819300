"""Two engines beside Chromium, driven by their own protocols: no driver has to be downloaded.

Firefox speaks WebDriver BiDi on a WebSocket (w3.org/TR/webdriver-bidi), WebKitGTK speaks WebDriver
over HTTP (w3.org/TR/webdriver2). Both take the same input actions.
"""

import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
from websockets.sync.client import ClientConnection, connect

SECONDS = 60
ENTER = "\ue007"


class Engine(Protocol):
    """One window of a browser."""

    def open(self, url: str) -> None:
        """Load an address."""

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, as JSON."""

    def act(self, sources: list[dict[str, Any]]) -> None:
        """Perform input actions."""


def wait(engine: Engine, condition: str) -> None:
    """Until a JavaScript expression is true."""
    end = time.monotonic() + SECONDS
    while not engine.run(f"Boolean({condition})"):
        assert time.monotonic() < end, f"never true: {condition}"
        time.sleep(0.1)


def press(engine: Engine, keys: str) -> None:
    """Type keys one after the other into what has the focus."""
    steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
    engine.act([{"type": "key", "id": "keyboard", "actions": steps}])


class Firefox:
    """Firefox by WebDriver BiDi."""

    def __init__(self, socket_: ClientConnection) -> None:
        self._socket = socket_
        self._ids = itertools.count()
        self._call("session.new", capabilities={})
        self._context = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def open(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, script: str) -> Any:
        found = self._call(
            "script.evaluate",
            expression=f"JSON.stringify({script}) ?? 'null'",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])

    def act(self, sources: list[dict[str, Any]]) -> None:
        self._call("input.performActions", context=self._context, actions=sources)

    def _call(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv(SECONDS))).get("id") != number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]


class WebKit:
    """WebKitGTK's MiniBrowser by WebDriver."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        options = {"args": ["--automation"], "binary": str(mini_browser())}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        self._session = client.post("/session", json=wanted).raise_for_status().json()["value"]

    def open(self, url: str) -> None:
        self._call("url", url=url)

    def run(self, script: str) -> Any:
        return self._call("execute/sync", script=f"return {script}", args=[])

    def act(self, sources: list[dict[str, Any]]) -> None:
        self._call("actions", actions=sources)

    def close(self) -> None:
        """Close the window."""
        self._client.delete(f"/session/{self._session['sessionId']}")

    def _call(self, path: str, **body: Any) -> Any:
        answer = self._client.post(f"/session/{self._session['sessionId']}/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()["value"]


@contextmanager
def firefox(folder: Path) -> Iterator[Engine]:
    """A Firefox without a window, with a profile in ``folder``."""
    port = _free_port()
    command = ["firefox-esr", "--headless", "--no-remote", "--profile", str(folder),
               "--remote-debugging-port", str(port)]  # fmt: skip
    with _process(command, port), connect(f"ws://127.0.0.1:{port}/session") as socket_:
        yield Firefox(socket_)


@contextmanager
def webkit() -> Iterator[Engine]:
    """A MiniBrowser on a virtual screen."""
    port, screen = _free_port(), f":{os.getpid() % 30_000 + 100}"
    xvfb = subprocess.Popen(
        ["Xvfb", screen, "-screen", "0", "1280x900x24"], stderr=subprocess.DEVNULL
    )
    try:
        with (
            _process(["WebKitWebDriver", f"--port={port}"], port, DISPLAY=screen),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as client,
        ):
            engine = WebKit(client)
            try:
                yield engine
            finally:
                engine.close()
    finally:
        xvfb.terminate()
        xvfb.wait()


def mini_browser() -> Path | None:
    """WebKitGTK's own browser, which Debian puts beside the library."""
    return next(Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser"), None)


def available(name: str) -> bool:
    """Whether an engine can be started here."""
    if name == "firefox":
        return shutil.which("firefox-esr") is not None
    return bool(shutil.which("WebKitWebDriver") and shutil.which("Xvfb") and mini_browser())


@contextmanager
def _process(command: list[str], port: int, **environment: str) -> Iterator[None]:
    """A program that listens on a port; it ends with the block."""
    program = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + SECONDS
        while not _listens(port):
            assert program.poll() is None and time.monotonic() < end, f"{command[0]} did not start"
            time.sleep(0.1)
        yield
    finally:
        program.terminate()
        program.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
