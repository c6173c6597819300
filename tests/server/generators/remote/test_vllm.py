"""Policies on several vLLM servers: adapters come and go with promotions, servers with faults."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import torch
from fake_engines import listening
from fake_vllm import END_ID, FakeVLLM

from server.generators.generator import Overloaded, Sampling, Stream, Token
from server.generators.remote import vllm
from server.generators.remote.remote import RemoteGenerator
from server.generators.remote.vllm import VLLMEngine
from tutelage.errors import Unavailable
from tutelage.policies.adapter import LowRank, PolicyAdapter, write_adapter
from tutelage.policies.library import PolicyLibrary

HELLO = [{"role": "user", "content": "Good morning to all of you in the garden"}]
FEW = Sampling(0, max_tokens=4)
Body = Callable[[RemoteGenerator, list[FakeVLLM]], Awaitable[None]]


@pytest.fixture(scope="module")
def library(policies: Path, tmp_path_factory: pytest.TempPathFactory) -> PolicyLibrary:
    """A base, two adapters over it, and an adapter over another base."""
    library = PolicyLibrary(tmp_path_factory.mktemp("library"))
    bases = {1: "policy-0000", 2: "policy-0000", 4: "policy-0003"}
    for number in range(5):
        base = bases.get(number)

        def build(directory: Path, base: str | None = base, seed: int = number) -> None:
            shutil.copytree(policies / "policy-0000", directory, dirs_exist_ok=True)
            if base:
                (directory / "model.safetensors").unlink()
                update = LowRank(torch.full((48, 2), float(seed)), torch.ones(2, 48))
                updates = {"model.layers.0.self_attn.q_proj": update}
                write_adapter(directory, PolicyAdapter(library.path(base), updates))

        library.publish(f"policy-{number:04d}", build, {})
    return library


@pytest.fixture
def check(library: PolicyLibrary, monkeypatch: pytest.MonkeyPatch) -> Callable[[Body], None]:
    """Runs one test over two servers that were started with policy-0000."""
    monkeypatch.setattr(vllm, "EVERY", 0.02)

    @asynccontextmanager
    async def opened(fakes: list[FakeVLLM]) -> AsyncIterator[RemoteGenerator]:
        with ExitStack() as stack:
            urls = [stack.enter_context(listening(fake.app())) for fake in fakes]
            engine = VLLMEngine([f"{url}/v1" for url in urls], "secret")
            generator = RemoteGenerator(engine, max_window=1000)
            await generator.load("policy-0000", library.path("policy-0000"))
            yield generator
            await generator.close()

    async def main(body: Body) -> None:
        fakes = [FakeVLLM("policy-0000", at_once=50) for _ in range(2)]
        async with opened(fakes) as generator:
            await asyncio.wait_for(body(generator, fakes), 30)

    return lambda body: asyncio.run(main(body))


async def read(stream: Stream) -> list[Token]:
    return [token async for token in stream]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def name_of(library: PolicyLibrary, policy_id: str) -> str:
    return f"{policy_id}-{library.manifest_sha256(policy_id)[:12]}"


def test_a_promotion_loads_an_adapter_everywhere_and_drops_the_last_one(
    check: Callable[[Body], None], library: PolicyLibrary
) -> None:
    first, second = name_of(library, "policy-0001"), name_of(library, "policy-0002")

    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        await generator.load("policy-0001", library.path("policy-0001"))
        old = await generator.start(HELLO, Sampling(0, max_tokens=30))
        await generator.load("policy-0002", library.path("policy-0002"))
        new = await generator.start(HELLO, FEW)
        assert (old.policy_id, new.policy_id) == ("policy-0001", "policy-0002")
        assert all(set(fake.adapters) == {first, second} for fake in fakes)
        assert len(await read(old)) == 30 and len(await read(new)) == 4
        await until(lambda: all(set(fake.adapters) == {second} for fake in fakes))
        await generator.load("policy-0000", library.path("policy-0000"))
        await until(lambda: not any(fake.adapters for fake in fakes))
        assert [each["model"] for fake in fakes for each in fake.asked] == [first, second]

    check(body)


def test_a_challenger_is_an_adapter_beside_the_current_policy(
    check: Callable[[Body], None], library: PolicyLibrary
) -> None:
    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        await generator.load("policy-0001", library.path("policy-0001"), challenger=True)
        named = [await generator.start(HELLO, FEW, name) for name in (None, "policy-0001")]
        assert [each.policy_id for each in named] == ["policy-0000", "policy-0001"]
        await generator.unload("policy-0001")
        assert fakes[0].adapters  # while it answers
        for each in named:
            assert len(await read(each)) == 4
        await until(lambda: not any(fake.adapters for fake in fakes))

    check(body)


def test_token_ids_go_out_and_come_back(check: Callable[[Body], None]) -> None:
    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        schema = '{"type": "object"}'
        sampling = Sampling(0.7, max_tokens=9, seed=2**63 + 5, top_k=3, stop=("never",))
        text = [{"role": "text", "content": "cafés"}]
        stream = await generator.start(text, Sampling(top_logprobs=2, schema=schema))
        tokens = await read(stream)
        assert "".join(token.text for token in tokens) == "cafés"
        assert [token.text for token in tokens[3:6]] == ["", "é", "s"]
        assert tokens[-1].token_id == END_ID and tokens[-1].text == ""
        assert all(token.logprob == -0.5 and len(token.top) == 2 for token in tokens)
        assert tokens[0].top[0].token_id == tokens[0].token_id
        assert any(other.raw for token in tokens for other in token.top)  # of half a character
        asked = fakes[0].asked[0]
        assert asked["prompt"] == [token.token_id for token in tokens[:-1]]
        assert asked["stop_token_ids"] == [END_ID] and "stop" not in asked
        assert asked["response_format"]["json_schema"]["schema"] == {"type": "object"}
        await read(await generator.start(HELLO, sampling))
        asked = fakes[0].asked[-1]
        assert (asked["seed"], asked["top_k"], asked["temperature"]) == (5, 3, 0.7)

    check(body)


@pytest.mark.parametrize("fault", ["500", "503", "silent"])
def test_a_response_without_a_token_is_asked_for_elsewhere(
    check: Callable[[Body], None], fault: str
) -> None:
    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        fakes[0].broken = fault
        streams = [await generator.start(HELLO, FEW) for _ in range(6)]
        assert [len(await read(each)) for each in streams] == [4] * 6
        assert len(fakes[1].asked) == 6
        fakes[1].broken = fault
        with pytest.raises(Overloaded if fault == "503" else Unavailable):
            await generator.start(HELLO, FEW)

    check(body)


def test_a_response_that_has_begun_ends_with_its_server(check: Callable[[Body], None]) -> None:
    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        fakes[0].broken = fakes[1].broken = "reset"
        stream = await generator.start(HELLO, FEW)
        with pytest.raises(Unavailable, match="engine failed"):
            await read(stream)
        assert sum(len(fake.asked) for fake in fakes) == 1
        assert stream.finish_reason is None

    check(body)


def test_responses_are_spread_and_a_sick_server_is_left_to_end_its_own(
    check: Callable[[Body], None], library: PolicyLibrary
) -> None:
    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        await generator.load("policy-0001", library.path("policy-0001"))
        long = Sampling(0, max_tokens=40)
        streams = [await generator.start(HELLO, long) for _ in range(4)]
        assert [len(fake.asked) for fake in fakes] == [2, 2]
        fakes[0].broken = "sick"
        await asyncio.sleep(0.1)
        streams += [await generator.start(HELLO, FEW) for _ in range(3)]
        assert [len(fake.asked) for fake in fakes] == [2, 5]
        assert [len(await read(each)) for each in streams] == [40] * 4 + [4] * 3
        fakes[0].restart()
        fakes[0].broken = ""
        await until(lambda: bool(fakes[0].adapters))  # before it is asked for anything
        await asyncio.sleep(0.05)
        await read(await generator.start(HELLO, FEW))
        assert len(fakes[0].asked) == 3

    check(body)


def test_a_server_that_forgot_its_adapters_is_given_them_again(
    check: Callable[[Body], None], library: PolicyLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "EVERY", 60.0)

    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        await generator.load("policy-0001", library.path("policy-0001"))
        for fake in fakes:
            fake.restart()
        streams = [await generator.start(HELLO, FEW) for _ in range(4)]
        assert [len(await read(each)) for each in streams] == [4] * 4
        assert [len(fake.loads) for fake in fakes] == [2, 2]

    check(body)


def test_nothing_is_lost_when_a_server_dies_under_load(
    check: Callable[[Body], None], library: PolicyLibrary
) -> None:
    async def ask(generator: RemoteGenerator) -> int | None:
        """Tokens of a response; None where it broke off after it had begun."""
        stream = await generator.start(HELLO, Sampling(0, max_tokens=12))
        try:
            return len(await read(stream))
        except Unavailable:
            return None

    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        asking = [asyncio.create_task(ask(generator)) for _ in range(40)]
        await until(lambda: len(fakes[0].asked) >= 5)
        fakes[0].broken = "reset"
        await generator.load("policy-0001", library.path("policy-0001"))
        fakes[0].broken = "500"
        asking += [asyncio.create_task(ask(generator)) for _ in range(20)]
        found = await asyncio.gather(*asking)
        assert set(found) <= {12, None} and found[-20:] == [12] * 20
        assert found.count(None) <= 20

    check(body)


def test_what_vllm_cannot_serve_is_said(
    check: Callable[[Body], None], library: PolicyLibrary
) -> None:
    async def body(generator: RemoteGenerator, fakes: list[FakeVLLM]) -> None:
        with pytest.raises(Unavailable, match="started with policy-0000, not policy-0003"):
            await generator.load("policy-0004", library.path("policy-0004"))
        fakes[0].refuses_adapters = True
        await generator.load("policy-0001", library.path("policy-0001"))  # the other takes it
        assert len(await read(await generator.start(HELLO, FEW))) == 4
        assert len(fakes[1].asked) == 1
        fakes[1].refuses_adapters = True
        with pytest.raises(Unavailable, match=r"max_lora_rank 16.*--enable-lora"):
            await generator.load("policy-0002", library.path("policy-0002"))
        assert generator.policy_id == "policy-0001"

    check(body)


def test_no_more_are_sent_than_the_servers_take(library: PolicyLibrary) -> None:
    async def main() -> None:
        with listening(FakeVLLM("policy-0000").app()) as url:
            generator = RemoteGenerator(VLLMEngine([f"{url}/v1"], most=2))
            await generator.load("policy-0000", library.path("policy-0000"))
            streams = [await generator.start(HELLO, FEW) for _ in range(2)]
            with pytest.raises(Overloaded):
                await generator.start(HELLO, FEW)
            for each in streams:
                await read(each)
            await read(await generator.start(HELLO, FEW))
            await generator.close()

    asyncio.run(main())
