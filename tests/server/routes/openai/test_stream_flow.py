"""A stream flows: it begins at once, says that it is alive, and its bytes are those of the text."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chat_service import ChatService, Gated, eventually, new_services, serve

from server.generators.generator import Alternative
from server.openai import sse
from server.openai.chat_completions import alternative
from server.openai.sse import PING, with_pings
from tutelage.composition import Core


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
