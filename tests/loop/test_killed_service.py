"""A service that is killed while people judge: what it has acknowledged is kept."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from sqlmodel import select

from tutelage.composition import Core
from tutelage.people import people
from tutelage.tables import Feedback, Message, User

pytestmark = pytest.mark.loop


def ada(core: Core) -> tuple[str, list[str]]:
    """A key of the person who owns all conversations, and the answers in them."""
    with core.store.write() as session:
        user = session.exec(select(User).where(User.name == "ada")).one()
        key = people.create_key(session, user, "killed")[1]
        answers = session.exec(select(Message.id).where(Message.role == "assistant")).all()
    return key, list(answers)


@contextmanager
def serving(core: Core) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The service as a process, once it listens; killed in the end if it has not been."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tutelage", "serve", "--port", str(port)]
    command += ["--data", str(core.settings.data)]
    environment = os.environ | {"TUTELAGE_MODERATION": "off", "TUTELAGE_RATE_LIMIT": "0"}
    service = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url)
        yield service, url
    finally:
        service.kill()
        service.wait()


def wait_for(url: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            httpx.get(f"{url}/healthz")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not start")


def judge(url: str, key: str, message_id: str, acknowledged: list[str]) -> None:
    """Thumbs on one answer until the service is gone."""
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}) as client:
        for number in range(10_000):
            body = {"message_id": message_id, "kind": "thumbs", "value": ("up", "down")[number % 2]}
            try:
                answer = client.post("/v1/feedback", json=body)
            except httpx.TransportError:
                return
            acknowledged.append(answer.json()["id"])


def test_no_acknowledged_judgement_is_lost_when_the_service_is_killed(core: Core) -> None:
    key, answers = ada(core)
    acknowledged: list[str] = []
    with serving(core) as (service, url):
        threads = [
            threading.Thread(target=judge, args=(url, key, each, acknowledged))
            for each in answers[:4]
        ]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 40 and any(thread.is_alive() for thread in threads):
            time.sleep(0.01)
        service.kill()
        for thread in threads:
            thread.join(60)
    assert len(acknowledged) >= 40
    with core.store.read() as session:
        kept = set(session.exec(select(Feedback.id)).all())
    assert set(acknowledged) <= kept
