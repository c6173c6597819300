"""What only the embedded generator does: its thread, its memory, its errors."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import load_file, save_file

from server.generators.embedded.engine import EmbeddedGenerator
from server.generators.embedded.model_runner import ModelRunner
from server.generators.generator import Overloaded, Sampling
from tutelage.errors import Invalid, Unavailable

HELLO = [{"role": "user", "content": "Hello"}]


def check(body: Callable[[EmbeddedGenerator], Awaitable[None]], **options: int) -> None:
    """Run one test with a generator that holds no policy yet."""

    async def main() -> None:
        generator = EmbeddedGenerator(threads=1, **options)
        try:
            await asyncio.wait_for(body(generator), 60)
        finally:
            await generator.close()

    asyncio.run(main())


def test_without_a_policy_nothing_starts() -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        assert generator.policy_id is None
        with pytest.raises(Unavailable, match="No policy is loaded"):
            await generator.start(HELLO, Sampling())

    check(body)


def test_the_window_is_the_setting_or_what_the_policy_was_trained_for(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        assert generator.context_window == 4096
        await generator.load("policy-0000", policies / "policy-0000")
        assert generator.context_window == 1024

    check(body)


def test_responses_beyond_the_queue_are_refused(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        streams = [await generator.start(HELLO, Sampling(max_tokens=900)) for _ in range(3)]
        with pytest.raises(Overloaded, match="3 responses"):
            await generator.start(HELLO, Sampling())
        for stream in streams:
            await stream.aclose()

    check(body, max_batch=2, max_queue=1)


def test_a_third_policy_waits_until_the_first_has_drained(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        oldest = await generator.start(HELLO, Sampling(max_tokens=900))
        await generator.load("policy-0001", policies / "policy-0001")
        third = asyncio.create_task(generator.load("policy-0003", policies / "policy-0000"))
        await asyncio.sleep(0.05)
        assert (third.done(), generator.policy_id) == (False, "policy-0001")
        await oldest.aclose()
        await third
        assert generator.policy_id == "policy-0003"

    check(body, policies=2)


def test_a_failed_load_leaves_running_streams_alone(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        stream = await generator.start(HELLO, Sampling(max_tokens=100))
        with pytest.raises(Unavailable, match="policy-0002 cannot be loaded"):
            await generator.load("policy-0002", policies / "policy-0002")
        assert [token async for token in stream]
        assert stream.finish_reason in ("stop", "length")
        assert generator.policy_id == "policy-0000"

    check(body)


def test_a_step_that_fails_ends_its_streams_and_not_the_service(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        failing = Sampling(stop=(cast(str, b"no text"),))  # stands for any failure in a step
        stream = await generator.start(HELLO, failing)
        with pytest.raises(Unavailable, match="cut short"):
            [token async for token in stream]
        stream = await generator.start(HELLO, Sampling(max_tokens=3))
        assert len([token async for token in stream]) == 3

    check(body)


@pytest.mark.parametrize("messages", [[], [{"role": "user", "content": "\ud800"}]])
def test_messages_that_cannot_be_read_are_invalid(
    policies: Path, messages: list[dict[str, str]]
) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        with pytest.raises(Invalid, match="cannot read these messages"):
            await generator.start(messages, Sampling())

    check(body)


def test_the_template_adds_the_system_prompt_when_there_is_none(runner: ModelRunner) -> None:
    assert "Be kind." in runner.decode(runner.encode(HELLO))
    own = [{"role": "system", "content": "Be brief."}, *HELLO]
    assert "Be kind." not in runner.decode(runner.encode(own))


@pytest.fixture
def damaged(policies: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(policies / "policy-0000", tmp_path / "damaged"))


def refused(path: Path) -> str:
    """Why a policy directory cannot be loaded."""
    reason = []

    async def body(generator: EmbeddedGenerator) -> None:
        with pytest.raises(Unavailable) as error:
            await generator.load("policy-0004", path)
        reason.append(error.value.message)

    check(body)
    return reason[0]


def test_weights_that_are_not_numbers_are_refused(damaged: Path) -> None:
    weights = load_file(damaged / "model.safetensors")
    weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], float("nan"))
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    assert "not numbers" in refused(damaged)


def test_missing_weights_are_refused_and_not_made_up(damaged: Path) -> None:
    weights = load_file(damaged / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    assert "do not fit" in refused(damaged)


def test_truncated_weights_are_refused(damaged: Path) -> None:
    whole = (damaged / "model.safetensors").read_bytes()
    (damaged / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    assert "cannot be loaded" in refused(damaged)


def test_a_policy_without_a_chat_template_is_refused(damaged: Path) -> None:
    (damaged / "chat_template.jinja").unlink()
    assert "no chat template" in refused(damaged)


def test_a_config_of_another_size_is_refused(damaged: Path) -> None:
    config = json.loads((damaged / "config.json").read_text())
    (damaged / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))
    assert "cannot be loaded" in refused(damaged)


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "maximum": 99}, "ok": {"type": "boolean"}},
    "required": ["n", "ok"],
    "additionalProperties": False,
}


def test_an_answer_follows_a_json_schema(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        for seed in range(3):
            sampling = Sampling(seed=seed, max_tokens=200, schema=json.dumps(SCHEMA))
            stream = await generator.start(HELLO, sampling)
            said = json.loads("".join([token.text async for token in stream]))
            assert set(said) == {"n", "ok"}
            assert stream.finish_reason == "stop"

    check(body)


def test_a_schema_that_is_none_is_refused(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        with pytest.raises(Invalid, match="cannot be followed"):
            await generator.start(HELLO, Sampling(schema='{"type": "number of things"}'))

    check(body)


def test_a_bias_on_a_token_that_is_not_there_is_refused(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        with pytest.raises(Invalid, match="no token 999999") as refused:
            await generator.start(HELLO, Sampling(logit_bias={999999: 100.0}))
        assert refused.value.field == "logit_bias"
        await generator.start(HELLO, Sampling(logit_bias={5: 1.0}, max_tokens=1))

    check(body)


def test_alternatives_that_are_half_a_character_tell_their_bytes(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        stream = await generator.start(HELLO, Sampling(1.0, max_tokens=40, top_logprobs=20, seed=1))
        found = [each for token in [token async for token in stream] for each in token.top]
        halves = [each for each in found if "\ufffd" in each.text]
        assert sum(each.raw not in (None, each.text.encode()) for each in halves) > len(halves) / 2
        assert all(each.raw is None for each in found if "\ufffd" not in each.text)

    check(body)


def test_alternatives_come_with_each_token(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        stream = await generator.start(HELLO, Sampling(0, max_tokens=5, top_logprobs=3))
        for token in [token async for token in stream]:
            assert token.top[0].token_id == token.token_id
            assert [each.logprob for each in token.top] == sorted(
                (each.logprob for each in token.top), reverse=True
            )
            assert len(token.top) == 3

    check(body)


def test_the_challenger_that_was_asked_longest_ago_makes_room(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        for name in ("policy-0001", "policy-0003"):
            await generator.load(name, policies / "policy-0001", challenger=True)
        await (await generator.start(HELLO, Sampling(max_tokens=1), "policy-0001")).aclose()
        await generator.load("policy-0004", policies / "policy-0000", challenger=True)
        assert generator.challengers == ("policy-0001", "policy-0004")

    check(body)


def test_a_new_current_policy_takes_the_only_place_beside(policies: Path) -> None:
    async def body(generator: EmbeddedGenerator) -> None:
        await generator.load("policy-0000", policies / "policy-0000")
        await generator.load("policy-0001", policies / "policy-0001", challenger=True)
        await generator.load("policy-0003", policies / "policy-0000")
        assert (generator.policy_id, generator.challengers) == ("policy-0003", ())

    check(body, policies=2)
