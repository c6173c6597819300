"""A stream flows: it begins at once, says that it is alive, and its bytes are those of the text."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chat_service import ChatService, Gated, eventually, new_services, serve

from server.chat.request import TurnRequest
from server.generators.echo import EchoGenerator
from server.generators.generator import Alternative, Stream
from server.http.auth import Caller
from server.openai import sse
from server.openai.chat_completions import alternative
from server.openai.sse import PING, with_pings
from tutelage.composition import Core
from tutelage.tables import ApiKey, User


async def paced(*steps: float | str) -> AsyncIterator[str]:
    """Waits so many seconds, or yields a frame."""
    for step in steps:
        if isinstance(step, str):
            yield step
        else:
            await asyncio.sleep(step)


def sent(frames: AsyncIterator[str], seconds: float) -> list[str]:
    async def read() -> list[str]:
        return [each async for each in with_pings(frames, seconds)]

    return asyncio.run(read())


def test_pings_fill_the_time_without_frames() -> None:
    assert sent(paced("a", "b"), 60) == ["a", "b"]
    first, *between, last = sent(paced("a", 0.5, "b"), 0.05)
    assert (first, last) == ("a", "b") and len(between) >= 2 and set(between) == {PING}


def test_a_late_stream_begins_with_a_ping() -> None:
    async def read() -> list[str]:
        return [each async for each in with_pings(paced("a"), 60, late=True)]

    assert asyncio.run(read()) == [PING, "a"]


def test_continuous_usage_counts_on_every_chunk(shared: ChatService) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    *events, _done = (
        shared.chat("a b c", stream=True, stream_options=options).text.strip().split("\n\n")
    )
    counts = [json.loads(each[6:])["usage"]["completion_tokens"] for each in events]
    assert counts == sorted(counts) and counts[-1] == 4


class Slow(EchoGenerator):
    """An echo that takes its time to accept a prompt, or to refuse it."""

    async def start(self, *given: Any) -> Stream:
        await asyncio.sleep(0.3)
        return await super().start(*given)


@pytest.mark.parametrize("route", ["chat/completions", "responses"])
def test_headers_and_a_ping_come_before_a_slow_beginning(
    core: Core, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setattr(sse, "PATIENCE", 0.05)
    generator = Slow(policy_id=None, context_window=3)
    with serve(new_services(core, generator), core) as service:
        for text, last in (("Hello", None), ("far too long for it", "context_length_exceeded")):
            asked = {"messages": [{"role": "user", "content": text}], "input": text}
            del asked["input" if route.startswith("chat") else "messages"]
            answer = service.post(f"/v1/{route}", {"model": "tutelage", "stream": True, **asked})
            first, *events = answer.text.strip().split("\n\n")
            assert (answer.status_code, first) == (200, PING.strip())
            assert last is None or (last in events[0] and len(events) == 1)
            assert last is not None or "Hello" in answer.text


def test_a_quick_refusal_of_a_stream_is_a_status(core: Core) -> None:
    with serve(
        new_services(core, EchoGenerator(policy_id=None, context_window=3)), core
    ) as service:
        answer = service.chat("far too long for it", stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


class Beginning:
    """Begins turns without end."""

    cancelled = False

    async def begin(self, _request: Any) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def test_a_client_that_leaves_ends_a_turn_that_is_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "PATIENCE", 0.01)
    turns: Any = Beginning()
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}

    async def leave() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        """The client reads nothing."""

    async def main() -> None:
        key = ApiKey(user_id="user_1", name="program", prefix="", sha256="")
        request = TurnRequest(Caller(User(name="Ada"), key), [], [])
        stream = await sse.streamed(turns, request, lambda _turn: paced("never"))
        await asyncio.wait_for(stream(scope, leave, send), 10)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert turns.cancelled


def test_an_error_of_the_frames_is_raised() -> None:
    async def failing() -> AsyncIterator[str]:
        yield "a"
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        sent(failing(), 60)


def test_a_response_that_waits_pings(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "PING_SECONDS", 0.05)
    generator = Gated(free=0)
    with serve(new_services(core, generator), core) as service, ThreadPoolExecutor() as pool:
        waiting = pool.submit(service.chat, stream=True)
        assert eventually(lambda: generator.said > 0)
        time.sleep(0.5)
        generator.gate.set()
        events = waiting.result().text.strip().split("\n\n")
    assert events[0].startswith("data: ") and PING.strip() in events
    assert events[-1] == "data: [DONE]"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Alternative("é", 5, -1.0), {"token": "é", "bytes": [0xC3, 0xA9]}),
        (Alternative("�", 5, -1.0, b"\xf0\x9f"), {"token": "�", "bytes": [0xF0, 0x9F]}),
    ],
)
def test_alternatives_tell_their_own_bytes(given: Alternative, expected: dict[str, Any]) -> None:
    told = alternative(given).model_dump()
    assert {name: told[name] for name in expected} == expected


def test_the_bytes_of_a_response_join_to_its_text(shared: ChatService) -> None:
    choice = shared.ask("naïve 日本 🎉 text", logprobs=True, top_logprobs=2)["choices"][0]
    joined = b"".join(bytes(each["bytes"]) for each in choice["logprobs"]["content"])
    assert joined == choice["message"]["content"].encode()
