"""Whatever is sent, the answer is 2xx or 4xx in OpenAI's shape: never a 500."""

import json
from typing import Any

import pytest
from chat_service import ChatService
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner)
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "system", "assistant", "tool"]) | JSON,
     "content": st.text(max_size=30) | JSON},
    optional={"name": JSON},
)  # fmt: skip
CHAT = st.fixed_dictionaries(
    {"model": st.just("tutelage"), "messages": st.lists(MESSAGE, max_size=4) | JSON},
    optional={
        "n": st.integers(-1, 3) | JSON,
        "temperature": st.floats(-1, 3) | JSON,
        "stop": JSON,
        "stream": st.booleans() | JSON,
        "max_tokens": st.integers(-1, 30) | JSON,
        "seed": JSON,
        "logprobs": st.booleans() | JSON,
        "tools": JSON,
        "metadata": JSON,
        "conversation_id": JSON,
        "parent_id": JSON,
        "anything": JSON,
    },
)
TARGETS = st.sampled_from(["<completion>", "<message>", "<prompt>", "msg_none", ""]) | JSON
FEEDBACK = st.fixed_dictionaries(
    {"kind": st.sampled_from(["thumbs", "ranking", "edit", "report"]) | JSON},
    optional={
        "completion_id": TARGETS,
        "message_id": TARGETS,
        "parent_id": TARGETS,
        "choice": st.integers(-1, 3) | JSON,
        "value": st.sampled_from(["up", "down"]) | JSON,
        "ranking": st.lists(st.lists(st.integers(-1, 3), max_size=3), max_size=4) | JSON,
        "positions": st.lists(st.integers(-1, 3), max_size=4) | JSON,
        "text": JSON,
        "reasons": JSON,
        "comment": JSON,
        "category": JSON,
    },
)


def send(service: ChatService, path: str, body: Any) -> Any:
    """POST whatever Python can write as JSON, NaN and lone surrogates included."""
    headers = service.who("user") | {"content-type": "application/json"}
    return service.client.post(path, content=json.dumps(body).encode(), headers=headers)


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@QUICK
@given(CHAT | JSON)
def test_chat_bodies(shared: ChatService, body: Any) -> None:
    check(send(shared, "/v1/chat/completions", body))


@pytest.fixture(scope="session")
def judged(shared: ChatService) -> Any:
    """A completion to give feedback on."""
    return shared.ask(n=3)


@QUICK
@given(FEEDBACK | JSON)
def test_feedback_bodies(shared: ChatService, judged: Any, body: Any) -> None:
    real = {"<completion>": judged["id"], "<message>": judged["tutelage"]["message_ids"][0],
            "<prompt>": judged["tutelage"]["prompt_message_id"]}  # fmt: skip
    if isinstance(body, dict):
        body = {key: real.get(value, value) if isinstance(value, str) else value
                for key, value in body.items()}  # fmt: skip
    check(send(shared, "/v1/feedback", body))


@QUICK
@given(st.sampled_from(["session", "moderations", "operator/iterations"]), JSON)
def test_other_bodies(shared: ChatService, noun: str, body: Any) -> None:
    check(send(shared, f"/v1/{noun}", body))


@QUICK
@given(st.text(max_size=30), st.sampled_from(["conversations", "models", "feedback"]))
def test_ids_in_addresses(shared: ChatService, name: str, noun: str) -> None:
    from urllib.parse import quote

    path = f"/v1/{noun}/{quote(name, safe='', errors='surrogatepass')}"
    check(shared.client.get(path, headers=shared.who("user")))
    check(shared.client.delete(path, headers=shared.who("user")))
