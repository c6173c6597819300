"""What every generator owes the server, whichever it is.

With TUTELAGE_TEST_ENGINE=http://…/v1 a real OpenAI-compatible server is held to it too, with
TUTELAGE_TEST_VLLM=http://…/v1 a real vLLM as TUTELAGE_ENGINE=vllm uses it, as far as one can that
serves policy-0000 alone and lets any number wait.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from fake_engines import FakeEngine, listening, openai_app, tgi_app
from fake_vllm import FakeVLLM

from server.generators.echo import EchoGenerator
from server.generators.embedded.engine import EmbeddedGenerator
from server.generators.generator import (
    ContextTooLong,
    Generator,
    Overloaded,
    Sampling,
    Stream,
    Token,
)
from server.generators.paged.runner import load_policy
from server.generators.remote.chunks import UNTOLD
from server.generators.remote.engine import Engine
from server.generators.remote.openai import OpenAIEngine
from server.generators.remote.remote import RemoteGenerator
from server.generators.remote.tgi import TGIEngine, TGIMessagesEngine
from server.generators.remote.vllm import VLLMEngine
from tutelage.errors import Invalid, Unavailable

WORDS = " ".join(f"word{number}" for number in range(60))
SERVED = ("policy-0000", "policy-0001", "policy-0003")
QUESTION = [{"role": "user", "content": WORDS}]
Opened = Callable[[], AbstractAsyncContextManager[Generator]]


@asynccontextmanager
async def echo(policies: Path) -> AsyncIterator[Generator]:
    generator = EchoGenerator(policy_id=None, context_window=1000, max_streams=3)
    await generator.load("policy-0000", policies / "policy-0000")
    yield generator
    await generator.close()


@asynccontextmanager
async def embedded(policies: Path) -> AsyncIterator[Generator]:
    generator = EmbeddedGenerator(threads=1, max_batch=2, max_queue=1, max_window=1000)
    await generator.load("policy-0000", policies / "policy-0000")
    yield generator
    await generator.close()


@asynccontextmanager
async def transformers_engine(policies: Path) -> AsyncIterator[Generator]:
    generator = EmbeddedGenerator(
        threads=1, max_batch=2, max_queue=1, max_window=1000, load=load_policy
    )
    await generator.load("policy-0000", policies / "policy-0000")
    yield generator
    await generator.close()


@asynccontextmanager
async def openai_engine(policies: Path) -> AsyncIterator[Generator]:
    with listening(openai_app(FakeEngine(*SERVED))) as url:
        generator = RemoteGenerator(OpenAIEngine(f"{url}/v1", retries=0), max_window=1000)
        await generator.load("policy-0000", policies / "policy-0000")
        yield generator
        await generator.close()


@asynccontextmanager
async def vllm_engine(policies: Path) -> AsyncIterator[Generator]:
    with listening(FakeVLLM(*SERVED).app()) as url:
        generator = RemoteGenerator(VLLMEngine([f"{url}/v1"]), max_window=1000)
        await generator.load("policy-0000", policies / "policy-0000")
        yield generator
        await generator.close()


@asynccontextmanager
async def tgi_engine(policies: Path) -> AsyncIterator[Generator]:
    async with tgi(TGIEngine, policies) as generator:
        yield generator


@asynccontextmanager
async def tgi_messages_engine(policies: Path) -> AsyncIterator[Generator]:
    async with tgi(TGIMessagesEngine, policies) as generator:
        yield generator


@asynccontextmanager
async def tgi(
    engine: type[TGIEngine] | type[TGIMessagesEngine], policies: Path
) -> AsyncIterator[Generator]:
    with listening(tgi_app(FakeEngine(*SERVED))) as url:
        generator = RemoteGenerator(engine(f"{url}/{{policy}}"), max_window=1000)
        await generator.load("policy-0000", policies / "policy-0000")
        yield generator
        await generator.close()


@asynccontextmanager
async def real_engine(policies: Path) -> AsyncIterator[Generator]:
    engine = OpenAIEngine(os.environ["TUTELAGE_TEST_ENGINE"], retries=0)
    async with real(engine, policies) as generator:
        yield generator


@asynccontextmanager
async def real_vllm(policies: Path) -> AsyncIterator[Generator]:
    async with real(VLLMEngine([os.environ["TUTELAGE_TEST_VLLM"]]), policies) as generator:
        yield generator


@asynccontextmanager
async def real(engine: Engine, policies: Path) -> AsyncIterator[Generator]:
    generator = RemoteGenerator(engine, max_window=1000)
    await generator.load("policy-0000", policies / "policy-0000")
    yield generator
    await generator.close()


LOCAL = [echo, embedded, transformers_engine]
ENGINES = [*LOCAL, openai_engine, vllm_engine, tgi_engine, tgi_messages_engine]
VARIABLES = {"TUTELAGE_TEST_ENGINE": real_engine, "TUTELAGE_TEST_VLLM": real_vllm}
REAL = [opened for name, opened in VARIABLES.items() if name in os.environ]


@pytest.fixture(params=ENGINES + REAL)
def opened(request: pytest.FixtureRequest, policies: Path) -> Opened:
    return lambda: request.param(policies)


@pytest.fixture(params=ENGINES)
def bounded(request: pytest.FixtureRequest, policies: Path) -> Opened:
    """A generator with several policies and places for three streams."""
    return lambda: request.param(policies)


def check(opened: Opened, body: Callable[[Generator], Awaitable[None]]) -> None:
    """Run one test against one generator."""

    async def main() -> None:
        async with opened() as generator:
            await asyncio.wait_for(body(generator), 60)

    asyncio.run(main())


async def read(stream: Stream) -> list[Token]:
    return [token async for token in stream]


async def eventually(
    generator: Generator, messages: list[dict[str, str]], sampling: Sampling
) -> Stream:
    """A stream as soon as there is a place for it."""
    while True:
        try:
            return await generator.start(messages, sampling)
        except Overloaded:
            await asyncio.sleep(0.01)


def text(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens)


def same(first: list[Token], second: list[Token]) -> bool:
    """Whether two answers are equal, but for rounding of the log-probabilities."""
    return len(first) == len(second) and all(
        (a.text, a.token_id) == (b.text, b.token_id) and abs(a.logprob - b.logprob) < 1e-3
        for a, b in zip(first, second, strict=True)
    )


def test_tokens_come_in_order_and_the_same_each_time_when_greedy(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        first = await read(await generator.start(QUESTION, Sampling(0, max_tokens=20)))
        second = await read(await generator.start(QUESTION, Sampling(0, max_tokens=20)))
        assert same(first, second)
        assert text(first)

    check(opened, body)


def test_tokens_carry_ids_and_logprobs(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        for token in await read(await generator.start(QUESTION, Sampling(max_tokens=5))):
            assert token.token_id >= UNTOLD
            assert token.logprob <= 0

    check(opened, body)


def test_max_tokens_ends_with_length(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        stream = await generator.start(QUESTION, Sampling(0, max_tokens=7))
        assert len(await read(stream)) == 7
        assert stream.finish_reason == "length"

    check(opened, body)


def test_a_stop_string_and_what_follows_are_not_said(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        whole = text(await read(await generator.start(QUESTION, Sampling(0, max_tokens=30))))
        stop = whole[9:14]
        stream = await generator.start(QUESTION, Sampling(0, max_tokens=30, stop=(stop,)))
        assert text(await read(stream)) == whole[: whole.index(stop)]
        assert stream.finish_reason == "stop"

    check(opened, body)


def test_text_that_only_begins_like_a_stop_string_is_said(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        whole = text(await read(await generator.start(QUESTION, Sampling(0, max_tokens=12))))
        stop = whole[-2:] + "never said"
        stream = await generator.start(QUESTION, Sampling(0, max_tokens=12, stop=(stop,)))
        assert text(await read(stream)) == whole

    check(opened, body)


def test_the_same_seed_gives_the_same_answer(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        sampling = Sampling(temperature=1.0, top_p=0.9, seed=7, max_tokens=20)
        first = await read(await generator.start(QUESTION, sampling))
        second = await read(await generator.start(QUESTION, sampling))
        assert same(first, second)

    check(opened, body)


def test_cancelling_ends_the_stream_and_frees_its_place(bounded: Opened) -> None:
    async def body(generator: Generator) -> None:
        streams = [await generator.start(QUESTION, Sampling(max_tokens=500)) for _ in range(3)]
        with pytest.raises(Overloaded):
            await generator.start(QUESTION, Sampling())
        iterator = aiter(streams[0])
        await anext(iterator)
        await streams[0].aclose()
        assert [token async for token in iterator] == []
        assert streams[0].finish_reason is None
        await eventually(generator, QUESTION, Sampling(max_tokens=3))

    check(bounded, body)


def test_closing_a_stream_twice_is_harmless(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        stream = await generator.start(QUESTION, Sampling(max_tokens=2))
        await read(stream)
        await stream.aclose()
        await stream.aclose()
        assert stream.finish_reason == "length"

    check(opened, body)


def test_a_short_answer_does_not_wait_for_a_long_one(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        long = await generator.start(QUESTION, Sampling(max_tokens=60, seed=1))
        iterator = aiter(long)
        await anext(iterator)
        short = await generator.start(QUESTION, Sampling(max_tokens=3, seed=2))
        assert len(await read(short)) == 3
        assert long.finish_reason is None
        assert [token async for token in iterator]

    check(opened, body)


def test_loading_moves_new_streams_and_leaves_running_ones(bounded: Opened, policies: Path) -> None:
    async def body(generator: Generator) -> None:
        old = await generator.start(QUESTION, Sampling(0, max_tokens=40))
        iterator = aiter(old)
        await anext(iterator)
        await generator.load("policy-0001", policies / "policy-0001")
        new = await generator.start(QUESTION, Sampling(0, max_tokens=4))
        assert (old.policy_id, new.policy_id) == ("policy-0000", "policy-0001")
        assert generator.policy_id == "policy-0001"
        assert len(await read(new)) == 4
        assert len([token async for token in iterator]) == 39
        assert old.finish_reason == "length"

    check(bounded, body)


def test_a_policy_beside_answers_whoever_names_it(bounded: Opened, policies: Path) -> None:
    async def body(generator: Generator) -> None:
        await generator.load("policy-0001", policies / "policy-0001", challenger=True)
        assert (generator.policy_id, generator.challengers) == ("policy-0000", ("policy-0001",))
        few = Sampling(0, max_tokens=5)
        named = [None, "policy-0001", "policy-0000"]
        streams = [await generator.start(QUESTION, few, name) for name in named]
        answered = [stream.policy_id for stream in streams]
        assert answered == ["policy-0000", "policy-0001", "policy-0000"]
        first, _, third = [await read(stream) for stream in streams]
        assert same(first, third)
        with pytest.raises(Unavailable, match="policy-0002 is not loaded"):
            await generator.start(QUESTION, few, "policy-0002")

    check(bounded, body)


def test_the_policy_beside_becomes_current_or_leaves(bounded: Opened, policies: Path) -> None:
    async def body(generator: Generator) -> None:
        await generator.load("policy-0001", policies / "policy-0001", challenger=True)
        await generator.load("policy-0001", policies / "policy-0001")
        assert (generator.policy_id, generator.challengers) == ("policy-0001", ())
        await generator.load("policy-0000", policies / "policy-0000", challenger=True)
        last = await generator.start(QUESTION, Sampling(0, max_tokens=5), "policy-0000")
        await generator.unload("policy-0000")
        assert (generator.policy_id, generator.challengers) == ("policy-0001", ())
        assert len(await read(last)) == 5
        with pytest.raises(Unavailable, match="policy-0000 is not loaded"):
            await generator.start(QUESTION, Sampling(), "policy-0000")

    check(bounded, body)


def test_a_new_current_policy_leaves_the_others_where_there_is_room(
    bounded: Opened, policies: Path
) -> None:
    async def body(generator: Generator) -> None:
        await generator.load("policy-0001", policies / "policy-0001", challenger=True)
        await generator.load("policy-0003", policies / "policy-0000")
        assert (generator.policy_id, generator.challengers) == ("policy-0003", ("policy-0001",))
        stream = await generator.start(QUESTION, Sampling(0, max_tokens=2), "policy-0001")
        assert stream.policy_id == "policy-0001" and len(await read(stream)) == 2

    check(bounded, body)


def test_a_policy_that_cannot_be_loaded_changes_nothing(opened: Opened, policies: Path) -> None:
    async def body(generator: Generator) -> None:
        with pytest.raises(Unavailable, match="policy-0009 cannot be loaded"):
            await generator.load("policy-0009", policies / "policy-0009")
        assert generator.policy_id == "policy-0000"
        assert len(await read(await generator.start(QUESTION, Sampling(max_tokens=2)))) == 2

    check(opened, body)


def test_a_conversation_without_room_for_an_answer_is_refused(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        with pytest.raises(ContextTooLong) as refused:
            await generator.start([{"role": "user", "content": "long " * 1200}], Sampling())
        assert refused.value.field == "messages"
        assert refused.value.prompt_tokens >= generator.context_window

    check(opened, body)


def test_an_answer_ends_where_the_context_window_does(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        message = {"role": "user", "content": "a " * 20}
        one, two = [
            (await generator.start([message] * count, Sampling(max_tokens=1))).prompt_tokens
            for count in (1, 2)
        ]
        messages = [message] * ((generator.context_window - one) // (two - one))
        stream = await eventually(generator, messages, Sampling(0, max_tokens=5000))
        room = generator.context_window - stream.prompt_tokens
        assert 0 < len(await read(stream)) <= room

    check(opened, body)


def test_closing_the_generator_ends_running_streams_with_an_error(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        stream = await generator.start(QUESTION, Sampling(max_tokens=800))
        iterator = aiter(stream)
        await anext(iterator)
        await generator.close()
        with pytest.raises(Unavailable, match="shutting down"):
            [token async for token in iterator]
        with pytest.raises(Unavailable):
            await generator.start(QUESTION, Sampling())

    check(opened, body)


def test_a_last_message_of_the_assistant_is_continued(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        begun = [*QUESTION, {"role": "assistant", "content": WORDS[:60]}]
        fresh = await generator.start(QUESTION, Sampling(0, max_tokens=2))
        longer = await generator.start(begun, Sampling(0, max_tokens=2))
        assert longer.prompt_tokens > fresh.prompt_tokens
        await read(longer)
        await fresh.aclose()

    check(opened, body)


def test_a_text_is_continued_without_the_chat_template(opened: Opened) -> None:
    async def body(generator: Generator) -> None:
        text = [{"role": "text", "content": WORDS}]
        try:
            raw = await generator.start(text, Sampling(0, max_tokens=2))
        except Invalid as error:  # TGI's messages API knows chats alone
            assert error.field == "prompt"
            return
        templated = await generator.start(QUESTION, Sampling(0, max_tokens=2))
        assert raw.prompt_tokens <= templated.prompt_tokens
        assert await read(raw)
        await templated.aclose()

    check(opened, body)
