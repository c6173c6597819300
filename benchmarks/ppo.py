"""One PPO iteration compared with TRL's PPOTrainer: CPU-seconds and peak memory.

    tutelage bench ppo --json
    tutelage bench ppo --batch 64 --rounds 3

An iteration is: sample a response of 64 tokens to each of 16 prompts of 128 tokens, compute its
score, values and reference log-probabilities, and update once on all of it (one epoch: InstructGPT
§C.4). Both sides get the same token ids and one core, in separate processes that take turns; no
response ends early. TRL computes in float32 and trains the whole policy, or LoRA adapters alone:
the cheaper counts. Tutelage is measured as shipped (``--precision fp32``: without rounding).
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from common import base_policy, peer_python

from training import bundled_data
from training.config import IterationConfig, OptimiseConfig, PPOConfig
from training.model.tokenizer import ChatTokenizer, Message
from training.ppo.optimiser import JudgedData
from training.ppo.trainer import PPO
from training.reward.model import FLAGS, PARTS, RewardModel
from tutelage.policies.library import weights_sha256

PROMPT_TOKENS, RESPONSE_TOKENS = 128, 64
PEER = Path(__file__).parent / "peers" / "trl_ppo.py"
PEER_PACKAGES = ("torch==2.13.0", "trl==1.12.0", "peft", "transformers>=5.23,<5.24")


def prompts_of(tokenizer: ChatTokenizer, count: int) -> list[list[Message]]:
    """Shipped prompts, each padded with plain words to the same number of tokens."""
    return [
        _lengthened(tokenizer, row["prompt"])
        for row in bundled_data.rows(bundled_data.PROMPTS)[:count]
    ]


def _lengthened(tokenizer: ChatTokenizer, text: str) -> list[Message]:
    words = ("please", "be", "kind", "and", "clear", "and", "tell", "me", "why")
    for i in range(2 * PROMPT_TOKENS):
        messages = [{"role": "user", "content": text}]
        missing = PROMPT_TOKENS - len(tokenizer.prompt(messages))
        if missing == 0:
            return messages
        cut = text.split()
        text = " ".join(cut[:-1]) if missing < 0 else f"{text} {words[i % len(words)]}"
    raise AssertionError("no such length")


def flat_reward_model(policy: Path, width: int, directory: Path, seed: int = 0) -> None:
    """Writes a reward model with random weights."""
    size = len(PARTS) * width + len(FLAGS)
    weight = torch.randn(size, generator=torch.Generator().manual_seed(seed)) / size**0.5
    ones = torch.ones(size)
    center = torch.cat((torch.zeros(size - 1), torch.tensor([float(RESPONSE_TOKENS)])))
    facts = {"policy": weights_sha256(policy)}
    RewardModel(
        center=center, spread=ones, weight=weight, bias=torch.zeros(()), low=-100 * ones,
        high=100 * ones, adapter={}, facts=facts,
    ).save(directory)  # fmt: skip


class Marks:
    """A progress callback that records CPU and wall time at every update.

    ``disagreement`` is the root mean square difference between the learner's and the sampler's
    log-probabilities: with one step per update, the approximate KL gives it.
    """

    def __init__(self) -> None:
        self.marks = [(time.process_time(), time.perf_counter())]
        self.disagreement = 0.0

    def __call__(self, stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        self.marks.append((time.process_time(), time.perf_counter()))
        off = (2 * metrics.get("policy/approxkl_avg", 0.0)) ** 0.5
        self.disagreement = max(self.disagreement, off)

    def spent(self) -> list[dict[str, float]]:
        return [
            {"cpu": after[0] - before[0], "wall": after[1] - before[1]}
            for before, after in zip(self.marks, self.marks[1:], strict=False)
        ]


def run_ours(policy: Path, batch: int, iterations: int, precision: str) -> dict[str, Any]:
    """A few iterations of tutelage in this process: the cost of each, and the peak memory."""
    config = IterationConfig(
        threads=1,
        precision=precision,
        optimise=OptimiseConfig(scales=()),
        ppo=PPOConfig(
            updates=iterations, batch=batch, epochs=1, minibatch=batch, eval_prompts=0,
            max_new_tokens=RESPONSE_TOKENS, kl_budget=1e9,
        ),
    )  # fmt: skip
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        tokenizer = ChatTokenizer(policy)
        flat_reward_model(policy, _width(policy), out / "reward")
        run = PPO(policy, out / "reward", out / "reward", config, out / "ppo")
        run.tokenizer.eos_ids = frozenset()
        marks = Marks()
        run.train(JudgedData(prompts_of(tokenizer, batch), []), marks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    # The last round samples and scores without learning; the first one also lays out the weights.
    return {
        "iterations": marks.spent()[:-1],
        "peak_memory_gb": round(peak, 2),
        "disagreement": round(marks.disagreement, 4),
    }


def _width(policy: Path) -> int:
    return int(json.loads((policy / "config.json").read_text())["hidden_size"])


def _in_turn(commands: Mapping[str, Sequence[str]], rounds: int, core: int) -> dict[str, Any]:
    """Each command in turn, ``rounds`` times, pinned to one core; the last line each prints."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    for _ in range(rounds):
        for name, command in commands.items():
            print(f"{name} …", file=sys.stderr, flush=True)
            pinned = ["taskset", "-c", str(core), *command]
            done = subprocess.run(pinned, env=env, check=True, stdout=subprocess.PIPE, text=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    return {name: _median(runs) for name, runs in found.items()}


def _median(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    spent = [one for run in runs for one in run["iterations"]]
    return {
        "cpu_seconds": round(statistics.median(one["cpu"] for one in spent), 2),
        "wall_seconds": round(statistics.median(one["wall"] for one in spent), 2),
        "peak_memory_gb": max(run["peak_memory_gb"] for run in runs),
        "iterations": len(spent),
    } | {key: run[key] for run in runs for key in run.keys() & {"disagreement"}}


def compare(
    policy: Path, peer_python: Path, batch: int, iterations: int, rounds: int, core: int,
    precision: str, peers: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """Both sides in one run; the ratios are the cheaper peer's cost over that of tutelage."""
    with tempfile.TemporaryDirectory() as scratch:
        prompts = Path(scratch) / "prompts.json"
        tokenizer = ChatTokenizer(policy)
        ids = [tokenizer.prompt(messages) for messages in prompts_of(tokenizer, batch)]
        prompts.write_text(json.dumps(ids))
        common = ["--policy", str(policy), "--batch", str(batch), "--iterations", str(iterations)]
        peer = [str(peer_python), str(PEER), *common, "--prompts", str(prompts)]
        peer += ["--response", str(RESPONSE_TOKENS)]
        ours = [sys.executable, __file__, *common, "--ours", "--precision", precision]
        sides = {"full": peer, "lora": [*peer, "--lora"]}
        found = _in_turn({"ours": ours} | {name: sides[name] for name in peers}, rounds, core)
    mine = found.pop("ours")
    cheaper = min(found.values(), key=lambda side: side["cpu_seconds"])
    leaner = min(found.values(), key=lambda side: side["peak_memory_gb"])
    return {
        "cpu_ratio": round(cheaper["cpu_seconds"] / mine["cpu_seconds"], 2),
        "memory_ratio": round(leaner["peak_memory_gb"] / mine["peak_memory_gb"], 2),
        "batch": batch,
        "ours": mine,
        "peer": found,
    }


def main() -> None:
    """Tutelage alone (``--ours``), or both sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, help="a policy directory; else the bundled one")
    parser.add_argument("--peer-python", type=Path, help="else a venv is made for the peer")
    parser.add_argument("--json", action="store_true", help="the result is one line of JSON anyway")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--ours", action="store_true", help="only ours, in this process")
    parser.add_argument("--precision", default="auto", help="of ours: auto, bf16 or fp32")
    parser.add_argument("--peers", nargs="+", choices=("full", "lora"), default=("full", "lora"))
    args = parser.parse_args()
    policy = args.policy or base_policy()
    if args.ours:
        result = run_ours(policy, args.batch, args.iterations, args.precision)
    else:
        peer = args.peer_python or peer_python("trl", PEER_PACKAGES)
        result = compare(
            policy, peer, args.batch, args.iterations, args.rounds, args.core, args.precision,
            args.peers,
        )  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
