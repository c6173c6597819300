"""Current policy and challenger share the weights of their base, and say what merged ones say."""

import asyncio
import gc
import shutil
from pathlib import Path

import pytest
import torch
from readings import largest_difference

from server.generators.embedded.engine import EmbeddedGenerator, Loader
from server.generators.embedded.graph_runner import load_graph
from server.generators.embedded.graph_runner import load_policy as load_graph_policy
from server.generators.generator import Sampling
from server.generators.paged.runner import PagedRunner, load_paged, load_policy
from server.generators.paged.shared_base import _bases
from tutelage.policies.adapter import LowRank, PolicyAdapter, write_adapter
from tutelage.policies.export import export_folder
from tutelage.policies.parity import load_whole, write_reference


def taught(base: Path, path: Path, seed: int) -> Path:
    """An adapter over a tiny policy, as it is published."""
    torch.manual_seed(seed)
    shutil.copytree(base, path, ignore=shutil.ignore_patterns("*.safetensors"))
    model = load_whole(base, "float32")
    shapes = {
        name: module.weight.shape
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and name != "lm_head"
    }
    updates = {
        name: LowRank(0.03 * torch.randn(out, 3), torch.randn(3, into))
        for name, (out, into) in shapes.items()
    }
    write_adapter(path, PolicyAdapter(base, updates))
    write_reference(path, load_whole(path, "float32"))
    return path


@pytest.fixture
def adapters(policies: Path, tmp_path: Path) -> list[Path]:
    base = Path(shutil.copytree(policies / "policy-0000", tmp_path / "policy-0000"))
    return [taught(base, tmp_path / f"policy-000{n}", n) for n in (1, 2)]


def load(path: Path) -> PagedRunner:
    runner = load_paged(path.name, path, 1, 1024, "auto")
    assert isinstance(runner, PagedRunner)
    return runner


def test_log_probabilities_are_those_of_the_merged_policy(adapters: list[Path]) -> None:
    runners = [load(path) for path in adapters]
    for runner, path in zip(runners, adapters, strict=True):
        assert largest_difference(runner, path) < 1e-3


def test_the_embedded_engine_merges_the_same(adapters: list[Path]) -> None:
    runner = load_graph("policy-0001", adapters[0], 1, 1024, "f16")
    assert largest_difference(runner, adapters[0]) < 0.05


def test_the_base_is_in_memory_once_and_goes_with_its_last_policy(adapters: list[Path]) -> None:
    runners = [load(path) for path in (adapters[0].parent / "policy-0000", *adapters)]
    places = [{p.data_ptr() for p in runner._model.parameters()} for runner in runners]
    assert places[0] == places[1] == places[2]
    assert len(_bases) == 1
    del runners[0], runners[0]
    gc.collect()
    assert len(_bases) == 1
    runners.clear()
    gc.collect()
    assert len(_bases) == 0


def test_an_adapter_that_is_misread_is_refused(adapters: list[Path]) -> None:
    shutil.copy(adapters[1] / "parity.json", adapters[0])
    with pytest.raises(Exception, match="does not read this model right"):
        load(adapters[0])


async def said(generator: EmbeddedGenerator, policy_id: str | None = None) -> list[int]:
    """Greedy tokens of the policy that is named, or of the current one."""
    asked = [{"role": "user", "content": "Say something."}]
    stream = await generator.start(asked, Sampling(temperature=0, max_tokens=8), policy_id)
    return [token.token_id async for token in stream]


async def said_merged(path: Path, load: Loader) -> list[int]:
    """The same of a policy's exported, merged folder."""
    export_folder(path, path.parent / f"merged-{path.name}")
    generator = EmbeddedGenerator(threads=1, cache_tokens=1024, load=load)
    await generator.load(path.name, path.parent / f"merged-{path.name}")
    found = await said(generator)
    await generator.close()
    return found


@pytest.mark.parametrize("load", [load_graph_policy, load_policy], ids=["embedded", "transformers"])
def test_adapters_on_trial_promoted_and_rolled_back_say_what_merged_ones_say(
    adapters: list[Path], load: Loader
) -> None:
    async def scenario() -> None:
        generator = EmbeddedGenerator(threads=1, cache_tokens=1024, load=load)
        first, second = [await said_merged(path, load) for path in adapters]
        await generator.load("policy-0000", adapters[0].parent / "policy-0000")
        before = await said(generator)
        assert before != first != second  # what is compared below tells policies apart
        await generator.load("policy-0001", adapters[0], challenger=True)  # a canary or a shadow
        assert (await said(generator), await said(generator, "policy-0001")) == (before, first)
        await generator.load("policy-0001", adapters[0])
        await generator.load("policy-0002", adapters[1], challenger=True)
        assert (await said(generator), await said(generator, "policy-0002")) == (first, second)
        await generator.load("policy-0000", adapters[0].parent / "policy-0000")
        assert await said(generator) == before
        await generator.close()

    asyncio.run(scenario())
