"""The service ends as it should: answers are completed, and the process exits with 0."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from chat_service import ChatService, keys

from tutelage.composition import Core

SCRIPT = Path(__file__).with_name("slow_service.py")


@contextmanager
def slow_service(core: Core, stop_seconds: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, str(SCRIPT), str(core.settings.data), str(stop_seconds)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=SCRIPT.parents[2]
    )
    assert process.stdout is not None
    try:
        yield process, f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


class Answer(threading.Thread):
    """An answer that is streamed."""

    def __init__(self, url: str, key: str, words: int) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self.begun = threading.Event()
        self._url, self._headers = url, {"authorization": f"Bearer {key}"}
        self._said = [{"role": "user", "content": "word " * words}]
        self.start()

    def run(self) -> None:
        body = {"model": "tutelage", "messages": self._said, "stream": True, "max_tokens": 400}
        client = httpx.Client(base_url=self._url, headers=self._headers, timeout=60)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            for line in response.iter_lines():
                self.lines.append(line)
                self.begun.set()

    def events(self) -> list[Any]:
        self.join(60)
        return [json.loads(x[6:]) for x in self.lines if x.startswith("data: {")]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_running_answer_is_completed_and_the_exit_status_is_0(
    core: Core, how: signal.Signals
) -> None:
    with slow_service(core, 30) as (process, url):
        answer = Answer(url, keys(core)["user"], 60)
        assert answer.begun.wait(30)
        process.send_signal(how)
        with httpx.Client(base_url=url) as client:
            while (ready := client.get("/readyz")).is_success and process.poll() is None:
                time.sleep(0.05)
        assert ready.status_code == 503 and "shutting down" in ready.json()["problem"]
        another = Answer(url, keys(core)["user"], 1).events()
        assert another == [] or another[0]["error"]
        finished = [e["choices"][0]["finish_reason"] for e in answer.events() if e.get("choices")]
        assert finished[-1] == "stop"
        assert process.wait(20) == 0
        assert process.stderr is not None and process.stderr.read() == ""


def test_an_answer_that_takes_longer_ends_with_an_error(core: Core) -> None:
    with slow_service(core, 1) as (process, url):
        answer = Answer(url, keys(core)["user"], 390)
        assert answer.begun.wait(30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert "shutting down" in answer.events()[-1]["error"]["message"]
        assert process.stderr is not None and "Traceback" not in process.stderr.read()


def test_a_service_that_closes_takes_no_turn(service: ChatService) -> None:
    state = service.client.app.state.tutelage  # type: ignore[attr-defined]
    state.turns.closing = True
    refused = service.chat()
    assert refused.status_code == 503 and refused.headers["retry-after"]
    assert service.client.get("/readyz").status_code == 503
