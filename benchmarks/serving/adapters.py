"""Three policies in memory as adapters over one base, beside the same three as merged weights.

    tutelage bench adapters --json

Base, challenger and shadow are loaded one after another into a process of its own for each engine
and form: seconds of each load, memory of the process after it (MB), and tokens per second of the
last one, 8 greedy responses at once. Adapters are random ones of rank 24 on the ten top layers.
`greedy` is the share of responses' tokens in which both forms agree.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from common import base_policy, tell

from server.generators.embedded import graph_runner
from server.generators.embedded.engine import EmbeddedGenerator, Loader
from server.generators.embedded.model_runner import ModelRunner
from server.generators.generator import Sampling
from server.generators.paged import runner as paged_runner
from tutelage.labeling.labeling import prompt_set
from tutelage.policies.adapter import LowRank, PolicyAdapter, write_adapter
from tutelage.policies.export import export_folder
from tutelage.policies.parity import load_whole, write_reference

LOADERS: dict[str, Loader] = {
    "embedded": graph_runner.load_policy,
    "transformers": paged_runner.load_policy,
}
RANK, LAYERS, STREAMS, CACHE_TOKENS = 24, 10, 8, 4096


@dataclass(frozen=True)
class ThreePolicies:
    """What loading three policies in turn cost, and how the last of them answers."""

    load_seconds: list[float]
    memory_mb: list[int]
    tokens_per_second: float
    responses: list[list[int]]


def taught(base: Path, path: Path, seed: int) -> Path:
    """An adapter over a base, as it is published."""
    shutil.copytree(base, path, ignore=shutil.ignore_patterns("*.safetensors", "manifest.json"))
    model, generator = load_whole(base, "float32"), torch.Generator().manual_seed(seed)
    first = model.config.num_hidden_layers - LAYERS

    def update(weight: torch.Tensor) -> LowRank:
        out, into = weight.shape
        b, a = (torch.randn(s, generator=generator) for s in ((out, RANK), (RANK, into)))
        return LowRank(0.01 * b, a / into**0.5)

    updates = {
        f"model.layers.{number}.{name}": update(module.weight)
        for number, layer in enumerate(model.model.layers)
        for name, module in layer.named_modules()
        if number >= first and isinstance(module, torch.nn.Linear)
    }
    write_adapter(path, PolicyAdapter(base, updates))
    write_reference(path, load_whole(path, "float32"))
    return path


def measured(engine: str, paths: Sequence[Path], tokens: int) -> ThreePolicies:
    """In a process that has loaded nothing else."""
    runners: list[ModelRunner] = []
    seconds, memory = [], []
    for path in paths:
        began = time.perf_counter()
        runners.append(LOADERS[engine](path.name, path, 1, CACHE_TOKENS, "auto"))
        seconds.append(round(time.perf_counter() - began, 2))
        memory.append(_memory())
    responses, rate = asyncio.run(_answered(runners[-1], paths[-1], tokens))
    return ThreePolicies(seconds, memory, rate, responses)


def _memory() -> int:
    """MB of this process, with the pages of mapped weight files that it has read."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024)


async def _answered(runner: ModelRunner, path: Path, tokens: int) -> tuple[list[list[int]], float]:
    generator = EmbeddedGenerator(threads=1, cache_tokens=CACHE_TOKENS, load=lambda *_: runner)
    await generator.load(path.name, path)
    began = time.perf_counter()
    said = await asyncio.gather(*(_said(generator, p, tokens) for p in prompt_set()[:STREAMS]))
    rate = sum(map(len, said)) / (time.perf_counter() - began)
    await generator.close()
    return said, round(rate, 1)


async def _said(generator: EmbeddedGenerator, prompt: str, tokens: int) -> list[int]:
    asked = [{"role": "user", "content": prompt}]
    stream = await generator.start(asked, Sampling(temperature=0, max_tokens=tokens))
    return [token.token_id async for token in stream]


def agreement(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]]) -> float:
    """Share of tokens up to the first difference of each pair of responses."""
    same = 0
    for left, right in zip(one, other, strict=True):
        differs = [a != b for a, b in zip(left, right, strict=False)]
        same += differs.index(True) if True in differs else min(len(left), len(right))
    return round(same / max(sum(map(len, one)), sum(map(len, other))), 3)


def compare(base: Path, folder: Path, tokens: int) -> dict[str, Any]:
    """Each engine and form in turn."""
    from serving.adapters import measured  # by this name a process of its own finds it

    adapters = [taught(base, folder / f"policy-000{n}", n) for n in (1, 2)]
    merged = [folder / f"merged-{path.name}" for path in adapters]
    for path, target in zip(adapters, merged, strict=True):
        export_folder(path, target)
    found: dict[str, Any] = {}
    for engine in LOADERS:
        forms: dict[str, ThreePolicies] = {}
        for form, paths in {"adapters": [base, *adapters], "merged": [base, *merged]}.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                forms[form] = alone.submit(measured, engine, paths, tokens).result()
        found[engine] = {
            form: {name: value for name, value in vars(each).items() if name != "responses"}
            for form, each in forms.items()
        }
        both = [each.responses for each in forms.values()]
        found[engine]["greedy"] = agreement(*both)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with --json the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--policy", type=Path, help="a whole policy; default: the base policy")
    parser.add_argument("--tokens", type=int, default=32, help="at most, of each answer")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        base = (options.policy or base_policy()).resolve()
        tell(compare(base, Path(folder), options.tokens), options.json)


if __name__ == "__main__":
    main()
