"""8-bit weights: nearly the policy that was trained, and how nearly is measured."""

import asyncio
from pathlib import Path

from server.generators.embedded.divergence import measure
from server.generators.embedded.engine import EmbeddedGenerator
from server.generators.embedded.graph_runner import load_policy
from server.generators.embedded.model_runner import ModelRunner


def test_a_policy_does_not_diverge_from_itself(runner: ModelRunner) -> None:
    found = measure(runner, runner)
    assert found.mean < 1e-5 and found.greedy == 1
    assert runner.pool.free == runner.pool.total


def test_operands_of_sixteen_bits_diverge_less(runner: ModelRunner, policies: Path) -> None:
    rounded = load_policy("policy-0000", policies / "policy-0000", 1, 4096, "bf16")
    found = measure(runner, rounded)
    assert 0 < found.mean < 0.06 and found.largest < 0.3 and found.greedy > 0.9


def test_eight_bits_diverge_a_little(runner: ModelRunner, policies: Path) -> None:
    rounded = load_policy("policy-0000", policies / "policy-0000", 1, 4096, "int8")
    found = measure(runner, rounded)
    assert 1e-3 < found.mean < 0.5
    assert found.mean < found.largest and 0.5 < found.greedy <= 1


def test_a_generator_tells_of_it(policies: Path) -> None:
    async def main() -> None:
        generator = EmbeddedGenerator(threads=1, weights="int8")
        assert generator.divergence is None
        await generator.load("policy-0000", policies / "policy-0000")
        assert generator.divergence and generator.divergence.mean > 0
        await generator.close()

    asyncio.run(main())
