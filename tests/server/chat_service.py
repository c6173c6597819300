"""A chat service for tests: a fresh store, an echo generator and a keyword classifier."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi.testclient import TestClient

from moderation.classifier import KeywordClassifier
from moderation.rules import ModerationRules
from server.app import create_app
from server.generators.echo import EchoGenerator
from server.services import Services
from tutelage.composition import Core
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.store import Store
from tutelage.tables import Message, Role

# Blocked in answers only: hate. Blocked in prompts too: hate/threatening. Warned of: sexual.
WORDS = {"vileword": "hate", "threatword": "hate/threatening", "lewdword": "sexual"}
HOME = {"origin": "http://testserver"}
ADA = {"login": "Ada", "password": "a long enough secret"}
HARMLESS = "A harmless sentence that is long enough to be let through at once, word for word. "


class Gated(EchoGenerator):
    """An echo that says ``free`` words, then waits until ``gate`` is opened or nobody listens."""

    def __init__(self, free: int) -> None:
        super().__init__(policy_id=None, delay=0.01)
        self.gate = threading.Event()
        self.said = 0
        self._free = free

    async def pause(self) -> None:
        self.said += 1
        await super().pause()
        while self.said > self._free and self.running and not self.gate.is_set():
            await super().pause()


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it comes true in time; returns as soon as it does."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def new_services(core: Core, generator: EchoGenerator | None = None, **settings: Any) -> Services:
    """Services on fakes; ``settings`` override the deployment's. Echoes may repeat themselves."""
    return Services(
        settings=core.settings.model_copy(update={"loop_tokens": 0} | settings),
        store=core.store,
        library=core.library,
        iterations_folder=core.settings.data / "iterations",
        generator=generator or EchoGenerator(policy_id=None),
        classifier=KeywordClassifier(WORDS),
        moderation=ModerationRules(),
        storage=core.storage,
    )


def publish(core: Core, policy_id: str, **manifest: Any) -> Path:
    """A policy directory with a registered version."""

    def build(directory: Path) -> None:
        (directory / "card.md").write_text(f"# {policy_id}\n")

    path = core.library.publish(policy_id, build, manifest)
    with core.store.write() as session:
        deployment.register(session, policy_id, core.library.manifest_sha256(policy_id))
    return path


def promote(core: Core, policy_id: str) -> None:
    """Make a published policy current."""
    with core.store.write() as session:
        deployment.promote(session, policy_id, "test")


def new_key(store: Store, name: str, role: Role = Role.USER, training: bool = True) -> str:
    """A person with an API key; its secret."""
    with store.write() as session:
        user = people.create_user(session, name, role)
        return people.create_key(session, user, name, training=training)[1]


@dataclass
class ChatService:
    """A service in this process, and the people who use it."""

    core: Core
    services: Services
    client: TestClient
    keys: dict[str, str]

    def who(self, name: str) -> dict[str, str]:
        """The headers of a person; ``nobody`` has none."""
        return {"authorization": f"Bearer {self.keys[name]}"} if name != "nobody" else {}

    def get(self, path: str, name: str = "user", **options: Any) -> Any:
        """GET as somebody."""
        return self.client.get(path, headers=self.who(name), **options)

    def post(self, path: str, body: Any = None, name: str = "user", **headers: str) -> Any:
        """POST as somebody."""
        sent = self.who(name) | {key.replace("_", "-"): value for key, value in headers.items()}
        return self.client.post(path, json=body, headers=sent)

    def patch(self, path: str, body: Any, name: str = "user") -> Any:
        """PATCH as somebody."""
        return self.client.patch(path, json=body, headers=self.who(name))

    def delete(self, path: str, name: str = "user") -> Any:
        """DELETE as somebody."""
        return self.client.delete(path, headers=self.who(name))

    def chat(self, text: str = "Hello there", name: str = "user", **body: Any) -> Any:
        """A turn; the raw answer."""
        headers = {key: body.pop(key) for key in ("x_tutelage_training",) if key in body}
        messages = [{"role": "user", "content": text}]
        request = {"model": "tutelage", "messages": messages} | body
        return self.post("/v1/chat/completions", request, name, **headers)

    def ask(self, text: str = "Hello there", name: str = "user", **body: Any) -> Any:
        """A turn that goes well; the completion."""
        answer = self.chat(text, name, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def conversation(self, completion: Any, name: str = "user") -> Any:
        """The stored conversation of a completion."""
        conversation_id = completion["tutelage"]["conversation_id"]
        return self.get(f"/v1/conversations/{conversation_id}", name).json()


@contextmanager
def serve(services: Services, core: Core) -> Iterator[ChatService]:
    """The service with its lifespan, called without a network."""
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield ChatService(core, services, client, keys(core))


def keys(core: Core) -> dict[str, str]:
    """The API keys of those who use a data folder, made when first asked for."""
    kept = core.settings.data / "keys.json"
    if not kept.exists():
        roles = {"user": Role.USER, "other": Role.USER, "labeler": Role.LABELER,
                 "operator": Role.OPERATOR}  # fmt: skip
        made = {name: new_key(core.store, name, role) for name, role in roles.items()}
        kept.write_text(json.dumps(made))
    known: dict[str, str] = json.loads(kept.read_text())
    return known


@contextmanager
def listen(services: Services) -> Iterator[str]:
    """The service on a free port, as a client program meets it; its address."""
    config = uvicorn.Config(
        create_app(services), port=0, log_level="critical", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def with_rules(services: Services, changes: str) -> Services:
    """The same services under other moderation rules."""
    return replace(services, moderation=ModerationRules.from_settings(changes))


def link(core: Core, role: Role = Role.OPERATOR) -> str:
    with core.store.write() as session:
        return people.create_link(session, people.create_user(session, "Ada", role))


def sign_up(service: ChatService, **changes: str) -> dict[str, object]:
    answer = service.client.post("/v1/account", json=ADA | changes, headers=HOME)
    assert answer.status_code == 201, answer.text
    user: dict[str, object] = answer.json()["user"]
    return user


def stored(service: ChatService, message_id: str) -> Message:
    """The row of a message."""
    with service.core.store.read() as session:
        message = session.get(Message, message_id)
    assert message is not None
    return message
