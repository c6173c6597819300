"""``tutelage bench adapters``: a policy as base and adapter beside the same policy merged.

The bundled policy gets random adapters one after the other, of the ranks of SFT and PPO. Shown are
bytes on disk, seconds to load, bytes of weights in memory for the current policy and a challenger,
tokens per second, and how far log-probabilities of greedy responses differ.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import base_policy, tell
from torch import nn

from server.generators.embedded.divergence import TOKENS, measure
from server.generators.embedded.graph_runner import load_graph
from server.generators.embedded.model_runner import ModelRunner
from server.generators.paged.runner import PagedRunner, load_paged
from training.config import IterationConfig
from training.model.load import load_model
from tutelage.policies.adapter import adapter_of
from tutelage.policies.export import export_folder
from tutelage.policies.parity import load_whole, write_reference

CACHE_TOKENS = 4096
ENGINES = {"embedded": (load_graph, "f16"), "transformers": (load_paged, "auto")}


def taught(source: Path, target: Path, rank: int, seed: int) -> Path:
    """The policy in ``source`` with a random adapter of a rank over its top layers."""
    model = load_model(source, IterationConfig())
    layers = model.adapted(rank, 2.0 * rank, seed)
    disturb(layers, seed)
    model.save(source, target, layers)
    write_reference(target, load_whole(target, "auto"))
    return target


def disturb(layers: nn.ModuleList, seed: int) -> None:
    """Gives the adapters updates of about the size that training gives them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in layers.named_parameters():
            if parameter.requires_grad and name.endswith(".b"):
                parameter.copy_(3e-4 * torch.randn(parameter.shape, generator=generator))


def size(folder: Path) -> int:
    """Bytes of a folder's weights."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def seconds(work: Callable[[], Any], times: int = 2) -> float:
    """The shortest of some runs."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def in_memory(runners: list[ModelRunner]) -> int:
    """Bytes of all weights of runners on transformers, shared ones once."""
    tensors: dict[int, torch.Tensor] = {}
    for runner in runners:
        assert isinstance(runner, PagedRunner)
        modules = list(runner._model.modules())
        held = [t for m in modules for t in vars(m).values() if isinstance(t, torch.Tensor)]
        tensors |= {t.data_ptr(): t for t in (*runner._model.parameters(), *held)}
    return sum(tensor.nbytes for tensor in tensors.values())


def compared(engine: str, whole: Path, adapter: Path, threads: int) -> dict[str, Any]:
    """Loading, log-probabilities and speed of both in one engine."""
    load, weights = ENGINES[engine]
    runners = {p: load("policy", p, threads, CACHE_TOKENS, weights) for p in (whole, adapter)}
    found: dict[str, Any] = {}
    for name, path in (("merged", whole), ("adapter", adapter)):
        runner = runners[path]
        took = seconds(lambda p=path: load("policy", p, threads, CACHE_TOKENS, weights))
        found[f"{name}_load_s"] = round(took, 2)
        reading = seconds(lambda r=runner: measure(r, r), 1)
        found[f"{name}_tokens_per_s"] = round(2 * TOKENS * 4 / reading, 1)  # read twice, 4 at once
    gap = measure(runners[whole], runners[adapter])
    return found | {"largest_difference": gap.largest, "greedy_agreement": gap.greedy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    settings, base = IterationConfig(), base_policy()
    with tempfile.TemporaryDirectory() as scratch:
        sft = taught(base, Path(scratch) / "sft", settings.sft.lora_rank, 1)
        first = taught(sft, Path(scratch) / "first", settings.ppo.lora_rank, 2)
        second = taught(first, Path(scratch) / "second", settings.ppo.lora_rank, 3)
        merged = [Path(scratch) / f"merged-{n}" for n in (1, 2)]
        for policy, target in zip((first, second), merged, strict=True):
            export_folder(policy, target)
        adapter = adapter_of(first)
        assert adapter is not None
        ranks = max(update.rank for update in adapter.updates.values())
        result: dict[str, Any] = {
            "rank": ranks,
            "disk": {"merged": size(merged[0]), "adapter": size(first)},
        }
        for engine in ENGINES:
            result[engine] = compared(engine, merged[0], first, options.threads)
        for name, pair in (("merged", merged), ("adapter", [first, second])):
            both = [load_paged("policy", p, options.threads, CACHE_TOKENS, "auto") for p in pair]
            result[f"{name}_two_in_memory"] = in_memory(both)
    tell(result, options.json)


if __name__ == "__main__":
    main()
