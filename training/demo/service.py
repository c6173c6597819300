"""A service of our own for as long as a demonstration lasts: ``tutelage serve`` in a process."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from training.jobs.runners.local import environment
from tutelage.errors import Unavailable
from tutelage.settings import Settings

START_SECONDS = 300.0
SWAP_SECONDS = 120.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.2


class Service:
    """While it is open the service answers at ``url``; what it prints goes to ``log``."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._settings, self._log = settings, log
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        """Start it. Raises Unavailable, with the end of its log, when it does not come up."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tutelage", "serve", "--while-input"],
                env=environment(self._settings, port=self._port, rate_limit=0),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait("", START_SECONDS)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stop()

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def restart(self) -> None:
        """End it as ``kill -9`` does, and start it again at the same address."""
        self._process.kill()
        self._process.wait()
        self.__enter__()

    def wait_for(self, policy_id: str) -> float:
        """Wait until this policy answers new turns; the seconds that it took."""
        return self._wait(policy_id, SWAP_SECONDS)

    def operate(self, path: str, key: str, body: object = None) -> dict[str, object]:
        """POST as an operator; Unavailable with the service's own words when it is refused."""
        headers = {"authorization": f"Bearer {key}"}
        response = httpx.post(self.url + path, json=body, headers=headers, timeout=60)
        if response.is_error:
            raise Unavailable(f"{path} answered {response.status_code}: {response.text[:300]}")
        answer: dict[str, object] = response.json()
        return answer

    def _wait(self, policy_id: str, seconds: float) -> float:
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self._process.poll() is not None:
                raise Unavailable(f"The service ended: {self._last_words()}")
            if self._answers(policy_id):
                return time.monotonic() - began
            time.sleep(_POLL_SECONDS)
        what = f"did not load {policy_id}" if policy_id else "did not start"
        raise Unavailable(f"The service {what} in {seconds:.0f} s: {self._last_words()}")

    def _answers(self, policy_id: str) -> bool:
        try:
            response = httpx.get(f"{self.url}/readyz", timeout=5)
        except httpx.TransportError:
            return False
        return response.is_success and policy_id in ("", response.json()["policy"])

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", errors="replace").splitlines()
        return f"{' '.join(lines[-3:])[-500:]} (all of it is in {self._log})"

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
