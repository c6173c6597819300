"""PPO on a random tiny policy, its rollouts sampled here and by a vLLM server: the same curve?

    tutelage bench rollouts --vllm VENV/bin/vllm --json

Made as `tutelage bench vllm` says. Every seed has a random reward model and a policy that learns to
please it, once with each sampler. Batch and learning rate were chosen by the gain of the local
sampler with other seeds. `gain` is the mean score of the last rollouts less that of the
first. vLLM for CPUs has no attention for heads of fewer than 32 numbers, so the tiny policy's are
wider than elsewhere. `sampler_kl` is the largest of all updates, in nats per token.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from common import tell
from ppo import flat_reward_model
from serving.vllm import VLLMProcess
from transformers import LlamaConfig, LlamaForCausalLM

from training import bundled_data
from training.config import IterationConfig
from training.model.tiny import write_tiny_policy
from training.optimise.optimise import optimise_policy
from training.ppo.optimiser import JudgedData
from training.progress import silent
from tutelage import jsonl

HEAD = 32


def wider_policy(folder: Path) -> None:
    """The tiny policy with heads that vLLM for CPUs can read."""
    write_tiny_policy(folder)
    config = LlamaConfig.from_pretrained(folder)
    config.head_dim = HEAD
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = config.eos_token_id
    model.save_pretrained(folder)


def curve(policy: Path, seed: int, updates: int, urls: Sequence[str], out: Path) -> dict[str, Any]:
    """One run: its gain, seconds, and how far the sampler was from the policy."""
    smoke = IterationConfig.load("smoke")
    ppo = replace(
        smoke.ppo, updates=updates, batch=96, minibatch=16, eval_prompts=8, learning_rate=3e-3
    )
    config = replace(smoke, seed=seed, ppo=ppo)
    prompts = [
        [{"role": "user", "content": row["prompt"]}]
        for row in bundled_data.rows(bundled_data.PROMPTS)
    ]
    data, reward = JudgedData(prompts[:32], prompts[32:40]), out / "reward"
    flat_reward_model(policy, LlamaConfig.from_pretrained(policy).hidden_size, reward, seed)
    began = time.monotonic()
    run = out / "run"
    optimise_policy(policy, reward, reward, data, config, run, silent, rollout_urls=urls)
    rows = jsonl.read(run / "metrics.jsonl")
    return {
        "gain": rows[-1]["objective/scores"] - rows[0]["objective/scores"],
        "seconds": time.monotonic() - began,
        "sampler_kl": max(row.get("rollout/sampler_kl", 0.0) for row in rows),
        "updates": len(rows) - 1,
    }


def measure(program: Path, seeds: int, updates: int) -> dict[str, Any]:
    """Both samplers with every seed."""
    with tempfile.TemporaryDirectory() as scratch, open(f"{scratch}/vllm.log", "w") as log:
        policy = Path(scratch) / "policy-0000"
        wider_policy(policy)
        server = VLLMProcess(program, policy, log, "--logprobs-mode", "processed_logprobs")
        server.start()
        try:
            server.wait()
            runs = {
                name: [
                    curve(policy, seed, updates, urls, Path(scratch) / name / str(seed))
                    for seed in range(1, seeds + 1)
                ]
                for name, urls in (("here", []), ("vllm", [server.url]))
            }
        finally:
            server.kill()
    return {
        name: {
            "gain": [round(each["gain"], 3) for each in found],
            "mean gain": round(statistics.mean(each["gain"] for each in found), 3),
            "standard error": round(
                statistics.stdev(each["gain"] for each in found) / len(found) ** 0.5, 3
            ),
            "updates": [each["updates"] for each in found],
            "sampler_kl": float(f"{max(each['sampler_kl'] for each in found):.1e}"),
            "seconds": round(sum(each["seconds"] for each in found), 1),
        }
        for name, found in runs.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vllm", type=Path, required=True, help="the program of vLLM")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=12)
    parser.add_argument("--json", action="store_true", help="also print JSON, on the last line")
    options = parser.parse_args()
    tell(measure(options.vllm, options.seeds, options.updates), options.json)


if __name__ == "__main__":
    main()
