"""``tutelage up`` as a person or a process manager meets it."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tutelage.composition import Core

pytestmark = pytest.mark.loop


def command(core: Core) -> list[str]:
    up = [sys.executable, "-m", "tutelage", "up", "--port", "0"]
    return [*up, "--data", str(core.settings.data)]


ENVIRONMENT = os.environ | {"TUTELAGE_MODERATION": "off"}


@contextmanager
def logged(core: Core) -> Iterator[tuple[subprocess.Popen[str], list[str], str]]:
    """The service with its output in a pipe, once it names its address."""
    up = subprocess.Popen(
        command(core),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert up.stdout is not None
    lines: list[str] = []
    try:
        for line in up.stdout:
            lines.append(line)
            if address := re.search(r"Chat\s+(http://\S+)", line):
                yield up, lines, address[1]
                break
    finally:
        up.kill()
        up.communicate(timeout=60)


def test_the_address_is_said_once_it_answers_and_a_log_holds_no_link(core: Core) -> None:
    with logged(core) as (up, lines, url):
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert lines[0] == "Loading policy-0000 …\n"
        up.send_signal(signal.SIGTERM)
        assert up.stdout is not None
        rest = up.stdout.read()
        assert up.wait(120) == 0
        said = "".join(lines) + rest
        assert "sign-in-link" in rest and "token=" not in said
        assert "Fatal" not in said and "Traceback" not in said


def test_a_person_at_a_terminal_gets_a_link_that_works(core: Core) -> None:
    ours, theirs = pty.openpty()
    up = subprocess.Popen(command(core), env=ENVIRONMENT, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = ""
    try:
        while not (link := re.search(r"(http://\S+)/sign-in\?token=([\w-]+)\s", shown)):
            shown += os.read(ours, 4096).decode()
        answer = httpx.post(
            f"{link[1]}/v1/session", json={"link": link[2]}, headers={"origin": link[1]}
        )
        assert answer.is_success, answer.text
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 0
    finally:
        up.kill()
        up.wait()
        os.close(ours)
