"""Training in several processes compared with one: the same work, each process on one core.

    tutelage bench torchrun --json

The stages of a small iteration on the bundled policy: SFT, a reward model, PPO, an evaluation. A
stage is timed as a whole, with the loading of the policy, which every process does. Tokens are
those of the data and of what is sampled, each counted once.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import base_policy, tell

from training import bundled_data, parallel
from training.config import IterationConfig
from training.evaluation.evaluate import Policies, evaluate, flagged_by
from training.model.tokenizer import ChatTokenizer
from training.optimise.optimise import optimise_policy
from training.ppo.optimiser import JudgedData
from training.progress import silent
from training.reward.train import train_reward_model
from training.sft import train_sft
from tutelage import jsonl

CONFIG = {
    "preset": "bench",
    "threads": 1,
    "sft": {"epochs": 2},
    "reward_model": {"kind": "head", "min_accuracy": -1.0},
    "optimise": {"scales": []},
    "ppo": {"updates": 2, "kl_budget": 1e9, "max_new_tokens": 64, "as_judged": False},
    "evaluation": {"prompts": 24, "samples": 1, "harm_prompts": 24, "battery": 0},
}


def run_stages(policy: Path, out: Path, rows: int) -> dict[str, Any]:
    """Seconds of each stage, and how many tokens went through them."""
    config, tokenizer = IterationConfig.from_dict(CONFIG), ChatTokenizer(policy)
    shown = bundled_data.replayable_demonstrations()[:rows]
    prompts = [
        [{"role": "user", "content": row["prompt"]}]
        for row in bundled_data.rows(bundled_data.PROMPTS)
    ][: 2 * rows]
    answers = [row["messages"][-1]["content"] for row in shown]
    rankings = [
        {
            "conversation_id": str(i), "prompt": prompts[i], "ranks": [0, 1, 2, 3],
            "responses": [answers[(i + k) % rows] for k in range(4)],
        }
        for i in range(rows)
    ]  # fmt: skip
    seconds = {}

    def timed(name: str, stage: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = stage()
        seconds[name] = round(time.perf_counter() - began, 1)
        return found

    timed("sft", lambda: train_sft(policy, shown, [], config, out / "sft", silent))
    sft, reward = out / "sft" / "policy", out / "reward"
    timed("reward_model", lambda: train_reward_model(sft, rankings, [], config, reward, silent))
    data = JudgedData(prompts[:rows], prompts[rows:])
    timed("ppo", lambda: optimise_policy(sft, reward, reward, data, config, out / "ppo", silent))
    policies = Policies(policy, out / "ppo" / "policy", sft, reward)
    unseen, nothing = prompts[rows:], flagged_by(None)
    timed(
        "evaluation",
        lambda: evaluate(policies, unseen, nothing, config, out / "evaluation", silent),
    )
    lengths = [row["response/length"] for row in jsonl.read(out / "ppo" / "metrics.jsonl")]
    sampled = sum(lengths) * (config.ppo.batch + config.ppo.eval_prompts)
    read = sum(len(tokenizer.dialogue(row["messages"]).ids) for row in shown) * config.sft.epochs
    judged = sum(
        len(tokenizer.prompt(row["prompt"]))
        + sum(len(tokenizer.response(t)) for t in row["responses"])
        for row in rankings
    )
    return {"seconds": seconds, "tokens": round(sampled + read + judged)}


def as_rank(folder: Path, rows: int) -> None:
    """What each process runs; rank 0 writes what it found."""
    with parallel.ranks() as leads:
        if leads:
            found = run_stages(base_policy(), folder, rows)
            (folder / "found.json").write_text(json.dumps(found))
        else:
            parallel.follow()


def measure(ranks: int, rows: int) -> dict[str, Any]:
    """``ranks`` processes, each bound to a core of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    place |= {"WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks)}
    with tempfile.TemporaryDirectory() as folder:
        tutelage = [sys.executable, "-m", "tutelage", "bench", "torchrun"]
        command = [*tutelage, "--rows", str(rows), "--folder", folder]
        processes = [
            subprocess.Popen(
                ["taskset", "-c", str(rank), *command],
                env=os.environ | place | {"RANK": str(rank)},
            )
            for rank in range(ranks)
        ]
        if any(process.wait() for process in processes):
            raise SystemExit("A rank failed.")
        found: dict[str, Any] = json.loads((Path(folder) / "found.json").read_text())
        return found


def main() -> None:
    """One process, then several."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rows", type=int, default=48, help="dialogues, rankings and prompts")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.folder:
        as_rank(args.folder, args.rows)
        return
    base_policy()
    alone, together = measure(1, args.rows), measure(args.ranks, args.rows)
    whole = [sum(found["seconds"].values()) for found in (alone, together)]
    result = {
        "ranks": args.ranks,
        "tokens_per_second": [round(alone["tokens"] / seconds, 1) for seconds in whole],
        "ratio": round(whole[0] / whole[1], 2),
        "stages": {
            name: [
                seconds,
                together["seconds"][name],
                round(seconds / together["seconds"][name], 2),
            ]
            for name, seconds in alone["seconds"].items()
        },
    }
    tell(result, args.json)


if __name__ == "__main__":
    main()
