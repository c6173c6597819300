"""What only remote engines do: they fail, break off, and are left alone for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fake_engines import FakeEngine, listening, openai_app, tgi_app

from server.generators.generator import Sampling
from server.generators.remote.openai import OpenAIEngine
from server.generators.remote.remote import FAILURES, RemoteGenerator
from server.generators.remote.tgi import TGIEngine, TGIMessagesEngine
from tutelage.errors import Invalid, Unavailable

HELLO = [{"role": "user", "content": "Good morning to you all"}]
Body = Callable[[RemoteGenerator, FakeEngine], Awaitable[None]]


@pytest.fixture(params=["openai", "tgi", "tgi-messages"])
def check(request: pytest.FixtureRequest, policies: Path) -> Callable[[Body], None]:
    """Runs one test against one engine that serves policy-0000."""

    async def main(body: Body) -> None:
        fake = FakeEngine("policy-0000")
        app = openai_app(fake) if request.param == "openai" else tgi_app(fake)
        with listening(app) as url:
            openai = OpenAIEngine(f"{url}/v1", "secret", retries=0)
            tgi = TGIEngine if request.param == "tgi" else TGIMessagesEngine
            engine = openai if request.param == "openai" else tgi(f"{url}/{{policy}}")
            generator = RemoteGenerator(engine)
            await generator.load("policy-0000", policies / "policy-0000")
            await asyncio.wait_for(body(generator, fake), 60)
            await generator.close()

    return lambda body: asyncio.run(main(body))


def test_a_policy_that_the_engine_does_not_serve_is_not_loaded(
    check: Callable[[Body], None], policies: Path
) -> None:
    async def body(generator: RemoteGenerator, _fake: FakeEngine) -> None:
        with pytest.raises(Unavailable, match="policy-0001 cannot be loaded: the remote engine"):
            await generator.load("policy-0001", policies / "policy-0001")
        assert generator.policy_id == "policy-0000"

    check(body)


def test_an_engine_that_breaks_off_is_an_error_in_the_stream(check: Callable[[Body], None]) -> None:
    async def body(generator: RemoteGenerator, fake: FakeEngine) -> None:
        fake.broken = "midway"
        with pytest.raises(Unavailable, match="engine"):
            stream = await generator.start(HELLO, Sampling())
            [token async for token in stream]

    check(body)


def test_an_engine_that_keeps_failing_is_left_alone(check: Callable[[Body], None]) -> None:
    async def body(generator: RemoteGenerator, fake: FakeEngine) -> None:
        fake.broken = "down"
        for _ in range(FAILURES):
            with pytest.raises(Unavailable, match="engine failed"):
                await generator.start(HELLO, Sampling())
        before = len(fake.asked)
        with pytest.raises(Unavailable, match="does not respond"):
            await generator.start(HELLO, Sampling())
        assert len(fake.asked) == before

    check(body)


def test_a_schema_is_passed_on(check: Callable[[Body], None]) -> None:
    async def body(generator: RemoteGenerator, fake: FakeEngine) -> None:
        stream = await generator.start(HELLO, Sampling(schema='{"type": "object"}', top_k=3))
        await stream.aclose()
        asked = fake.asked[-1]
        assert asked.get("top_k", asked.get("parameters", {}).get("top_k")) == 3
        assert "response_format" in asked or asked["parameters"]["grammar"]["type"] == "json"

    check(body)


def test_an_engine_may_name_a_policy_by_its_folder(policies: Path) -> None:
    async def main() -> None:
        fake = FakeEngine("/models/policy-0000")
        with listening(openai_app(fake)) as url:
            generator = RemoteGenerator(OpenAIEngine(f"{url}/v1", retries=0))
            await generator.load("policy-0000", policies / "policy-0000")
            stream = await generator.start(HELLO, Sampling())
            assert "".join([token.text async for token in stream]) == HELLO[0]["content"]
            assert fake.asked[-1]["model"] == "/models/policy-0000"
            await generator.close()

    asyncio.run(main())


def test_messages_that_the_template_refuses_are_invalid(check: Callable[[Body], None]) -> None:
    async def body(generator: RemoteGenerator, _fake: FakeEngine) -> None:
        with pytest.raises(Invalid, match="cannot read these messages"):
            await generator.start([], Sampling())

    check(body)


def test_a_continued_message_and_extensions_are_vllms_words(policies: Path) -> None:
    async def main() -> None:
        fake = FakeEngine("policy-0000")
        with listening(openai_app(fake)) as url:
            generator = RemoteGenerator(OpenAIEngine(f"{url}/v1", retries=0))
            await generator.load("policy-0000", policies / "policy-0000")
            begun = [*HELLO, {"role": "assistant", "content": "Good"}]
            sampling = Sampling(min_p=0.1, repetition_penalty=1.2, max_tokens=2)
            await (await generator.start(begun, sampling)).aclose()
            asked = fake.asked[-1]
            assert asked["messages"] == begun
            assert (asked["continue_final_message"], asked["add_generation_prompt"]) == (
                True,
                False,
            )
            assert (asked["min_p"], asked["repetition_penalty"]) == (0.1, 1.2)
            text = [{"role": "text", "content": "Good morning to you"}]
            found = [each async for each in await generator.start(text, sampling)]
            assert [each.text for each in found] == ["Good ", "morning "] and found[0].top
            assert fake.asked[-1]["prompt"] == "Good morning to you"
            await generator.close()

    asyncio.run(main())


def test_what_tgi_does_not_have_is_named(policies: Path) -> None:
    async def main() -> None:
        with listening(tgi_app(FakeEngine("policy-0000"))) as url:
            generator = RemoteGenerator(TGIEngine(f"{url}/{{policy}}"))
            await generator.load("policy-0000", policies / "policy-0000")
            with pytest.raises(Invalid, match="min_p") as refused:
                await generator.start(HELLO, Sampling(min_p=0.1))
            assert refused.value.field == "min_p"
            await generator.close()

    asyncio.run(main())
