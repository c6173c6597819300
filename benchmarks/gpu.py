"""On a GPU: whole iterations, tokens per second, and the memory of a 7B policy, in eight minutes.

    tutelage bench gpu --json
    tutelage bench gpu --parts rates large

iterations: `tutelage demo` with the smoke and quick presets, bfloat16 weights, on the device.
rates: tokens per second of rollouts and of updates, of the bundled policy in bfloat16.
serving: the engine on transformers beside `generate`, both in bfloat16.
large: peak memory of one PPO update of a policy of the size and shape of Qwen2.5-7B with random
weights, LoRA on its top layers.

Without a GPU, ``--device cpu --large-layers 2`` shows that the script works; its figures mean
nothing.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from common import base_policy, tell
from ppo import RESPONSE_TOKENS, flat_reward_model, prompts_of
from serving.serve import general, prepared
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from training.config import IterationConfig, PPOConfig
from training.ppo.trainer import PPO
from training.progress import silent

PARTS = ("rates", "serving", "iterations", "large")
UPDATES = 3  # measured, after one that warms up
QWEN_7B = {
    "vocab_size": 152064,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
}


def rates(policy: Path, device: str, batch: int) -> dict[str, Any]:
    """Tokens per second of sampling, and of scoring and updating, at 128 + 64 tokens each."""
    with tempfile.TemporaryDirectory() as scratch:
        run = ppo_run(policy, Path(scratch), device, batch)
        run.collector.set_prompts(prompts_of(run.tokenizer, batch), [])
        seconds = [timed_update(run, device) for _ in range(UPDATES + 1)][1:]
    tokens = batch * RESPONSE_TOKENS
    return {
        "batch": batch,
        "rollout_tokens_per_second": round(tokens * UPDATES / sum(s for s, _ in seconds)),
        "update_tokens_per_second": round(tokens * UPDATES / sum(u for _, u in seconds)),
        "peak_memory_gb": peak_memory(device),
    }


def ppo_run(policy: Path, scratch: Path, device: str, batch: int) -> PPO:
    """PPO with a random reward model, no end of a response, and no reason to stop."""
    shape = json.loads((policy / "config.json").read_text())
    flat_reward_model(policy, shape["hidden_size"], scratch / "reward")
    config = IterationConfig(
        device=device, dtype="bf16", top_layers=min(10, shape["num_hidden_layers"] - 1),
        ppo=PPOConfig(
            updates=UPDATES + 1, batch=batch, minibatch=max(1, batch // 4), epochs=2,
            eval_prompts=0, max_new_tokens=RESPONSE_TOKENS, kl_budget=1e9,
        ),
    )  # fmt: skip
    run = PPO(policy, scratch / "reward", scratch / "reward", config, scratch / "ppo")
    run.tokenizer.eos_ids = frozenset()
    run.out.mkdir()
    return run


def timed_update(run: PPO, device: str) -> tuple[float, float]:
    """Seconds of sampling, and of all the rest of one update."""
    sample = run.collector.sample_rollouts
    spent: list[float] = []

    def timed(update: int) -> Any:
        result, seconds = clocked(lambda: sample(update), device)
        spent.append(seconds)
        return result

    run.collector.sample_rollouts = timed  # type: ignore[method-assign]
    _, seconds = clocked(lambda: run.step(silent), device)
    run.collector.sample_rollouts = sample  # type: ignore[method-assign]
    return spent[0], seconds - spent[0]


def clocked(work: Callable[[], Any], device: str) -> tuple[Any, float]:
    """What it returns, and its seconds, the device's work included."""
    began = time.perf_counter()
    result = work()
    if device == "cuda":
        torch.cuda.synchronize()
    return result, time.perf_counter() - began


def peak_memory(device: str) -> float:
    """GB: of the device, or of this process where there is none."""
    if device == "cuda":
        return round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


def serving(policy: Path) -> dict[str, Any]:
    """The engine on transformers over `generate`, at several numbers of streams."""
    with tempfile.TemporaryDirectory() as folder:
        _, endless = prepared(Path(folder), policy)
        options = argparse.Namespace(threads=min(4, os.cpu_count() or 1), tokens=64, rounds=2)
        return asyncio.run(general(endless, options))


def iterations(policy: Path, device: str) -> dict[str, Any]:
    """The demonstration with each preset on the device; minutes and what the gate decided."""
    return {preset: demo(policy, preset, device) for preset in ("smoke", "quick")}


def demo(policy: Path, preset: str, device: str) -> dict[str, Any]:
    """`tutelage demo` in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "preset.toml"
        replace(IterationConfig.load(preset), device=device, dtype="bf16").dump(config)
        command = [sys.executable, "-m", "tutelage", "demo", "--preset", str(config)]
        command += ["--data", f"{folder}/data", "--json"]
        environment = os.environ | {
            "TUTELAGE_BASE_MODEL": str(policy),
            "TUTELAGE_MODERATION": "off",
            "TUTELAGE_ENGINE": "auto",
            "TUTELAGE_WEIGHTS": "bf16",
        }
        done, seconds = clocked(
            lambda: subprocess.run(command, env=environment, capture_output=True, text=True), "cpu"
        )
        lines = done.stdout.splitlines()
        if not lines or not lines[-1].startswith("{"):
            return {"seconds": round(seconds), "failed": (done.stdout + done.stderr)[-2000:]}
        found = json.loads(lines[-1])
        kept = ("decision", "reasons", "before", "after", "gain", "kl", "stage_minutes", "minutes")
        return {"seconds": round(seconds)} | {name: found[name] for name in kept}


def large(tokenizer_of: Path, device: str, layers: int) -> dict[str, Any]:
    """Peak memory and seconds of one PPO update of a 7B policy: 16 responses of 64 tokens."""
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy"
        parameters, made = clocked(
            lambda: write_random_policy(tokenizer_of, policy, device, layers), device
        )
        run, loaded = clocked(lambda: ppo_run(policy, Path(folder), device, batch=16), device)
        run.collector.set_prompts(prompts_of(run.tokenizer, 16), [])
        weights = peak_memory(device)
        sampled, updated = timed_update(run, device)
    return {
        "parameters": parameters,
        "seconds_to_write_and_to_load": [round(made), round(loaded)],
        "memory_after_load_gb": weights,
        "peak_memory_gb": peak_memory(device),
        "rollout_seconds": round(sampled, 1),
        "update_seconds": round(updated, 1),
    }


def write_random_policy(tokenizer_of: Path, directory: Path, device: str, layers: int) -> int:
    """A policy with random weights in bfloat16; returns its number of parameters."""
    shape = QWEN_7B if layers == QWEN_7B["num_hidden_layers"] else QWEN_7B | {
        "num_hidden_layers": layers, "hidden_size": 448, "intermediate_size": 512,
    }  # fmt: skip
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = Qwen2ForCausalLM(Qwen2Config(**shape))
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(directory, max_shard_size="100GB")
    AutoTokenizer.from_pretrained(tokenizer_of).save_pretrained(directory)
    count: int = model.num_parameters()
    del model
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    """Each part in turn; a part that fails is reported, and the others go on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=128, help="responses of an update")
    parser.add_argument("--policy", type=Path, help="a policy directory; default: the base policy")
    parser.add_argument("--large-layers", type=int, default=QWEN_7B["num_hidden_layers"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    policy = options.policy or base_policy()
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "rates": lambda: rates(policy, options.device, options.batch),
        "serving": lambda: serving(policy),
        "iterations": lambda: iterations(policy, options.device),
        "large": lambda: large(policy, options.device, options.large_layers),
    }
    name = torch.cuda.get_device_name() if options.device == "cuda" else options.device
    found: dict[str, Any] = {"device": name, "torch": torch.__version__}
    for part in options.parts:
        found[part] = parts[part]()
        print(part, json.dumps(found[part]), flush=True)
    tell(found, options.json)


if __name__ == "__main__":
    main()
