"""The reward model: accuracy on human comparisons, and training speed compared with TRL's.

    tutelage bench reward-model --train A.jsonl --test B.jsonl --json
    tutelage bench reward-model --train A.jsonl --curve 250 500 1000 --out docs/results/reward-model
    tutelage bench reward-model --sets A.jsonl B.jsonl C.jsonl --out docs/results/reward-model
    tutelage bench reward-model --train A.jsonl --speed --json

Files have any layout that can be imported (hh-rlhf, TRL's, OpenAssistant's), or human judgements
as PandaLM, Tulu or FairEval publish them. Without ``--test`` three in ten first messages are the
test set. The baselines are "longer wins" and a TF-IDF logistic regression; the accuracy on pairs of
similar length is reported too. ``--curve`` trains on so many rankings, and on all; ``--sets`` fits
the head to each set (A,B is one set) and to all: both test every comparison once, in five folds by
first message. With ``--speed`` tutelage and TRL's RewardTrainer with LoRA train on the same pairs,
and on rankings of four made of them, in separate processes on one core each.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import base_policy, peer_python
from judged import plots, tfidf_baseline
from judged.crossed import by_set, curve, known
from judged.sets import Row, read
from ppo import PEER_PACKAGES

from training.config import IterationConfig
from training.progress import silent
from training.reward.train import train_reward_model
from training.reward.validation import validate_reward_model
from tutelage.statistics import bootstrap

PEER = Path(__file__).parent / "peers" / "trl_reward.py"
TEST_TENTHS = 3
MAX_TOKENS = 2048  # of a prompt with its longest response: published dialogues run on


def split(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Training rows and test rows: no first message is on both sides."""
    tested = {
        row["conversation_id"]
        for row in rows
        if int(hashlib.sha256(row["conversation_id"].encode()).hexdigest(), 16) % 10 < TEST_TENTHS
    }
    return (
        [row for row in rows if row["conversation_id"] not in tested],
        [row for row in rows if row["conversation_id"] in tested],
    )


def accuracy(
    policy: Path, train: list[Row], test: list[Row], config: IterationConfig
) -> dict[str, Any]:
    """Trains on some comparisons; accuracy on others."""
    with tempfile.TemporaryDirectory() as scratch:
        facts = train_reward_model(policy, train, [], config, Path(scratch), silent)
        validation = validate_reward_model(policy, Path(scratch), test, config)
    right = np.array(validation.chosen) > np.array(validation.rejected)
    interval = bootstrap([float(x) for x in right], 2000, 0)
    return {
        "accuracy": validation.accuracy,
        "interval": [round(interval.low, 3), round(interval.high, 3)],
        "length_matched_accuracy": validation.length_matched_accuracy,
        "longer_wins": validation.longer_wins,
        "shorter_wins": 1 - validation.longer_wins,
        "tfidf": tfidf_baseline.accuracy(train, test),
        "ece": validation.ece,
        "cross_validated": facts["accuracy"],
        "trained_on": len(train),
        "tested_on": validation.comparisons,
    }


def as_rankings(rows: list[Row]) -> list[Row]:
    """Every two comparisons as one ranking of four responses to the first one's prompt."""
    return [
        first | {"responses": first["responses"] + second["responses"], "ranks": [0, 1, 2, 3]}
        for first, second in zip(rows[::2], rows[1::2], strict=False)
    ]


def pairs_of(rows: list[Row]) -> list[list[Any]]:
    """All pairs of all rankings, as the peer takes them: prompt, chosen, rejected."""
    found = []
    for row in rows:
        texts = [[{"role": "assistant", "content": text}] for text in row["responses"]]
        found += [
            [row["prompt"], texts[i], texts[j]]
            for i in range(len(texts))
            for j in range(i + 1, len(texts))
        ]
    return found


def run_ours(policy: Path, rows: list[Row], kind: str) -> dict[str, Any]:
    """One training by tutelage in this process: pairs per CPU-second."""
    config = IterationConfig(threads=1)
    settings = replace(config.reward_model, kind=kind, lora_epochs=1)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        train_reward_model(
            policy, rows, [], replace(config, reward_model=settings), Path(scratch), silent
        )
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {
        "pairs_per_cpu_second": len(pairs_of(rows)) / spent,
        "cpu_seconds": spent,
        "peak_memory_gb": round(peak, 2),
    }


def speed(policy: Path, train: Path, count: int, python: Path) -> dict[str, Any]:
    """Tutelage and the peer in turn, on pairs and on rankings of four."""
    rows = read(train)[:count]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, some in (("pairs", rows), ("rankings", as_rankings(rows))):
            ours, theirs = Path(scratch) / f"{name}.ours", Path(scratch) / f"{name}.peer"
            ours.write_text(json.dumps(some))
            theirs.write_text(json.dumps(pairs_of(some)))
            mine = [sys.executable, __file__, "--policy", str(policy), "--rows", str(ours)]
            sides = {kind: _pinned([*mine, "--kind", kind]) for kind in ("head", "lora")} | {
                "peer": _pinned([python, PEER, "--policy", policy, "--pairs", theirs])
            }
            rates = {side: facts["pairs_per_cpu_second"] for side, facts in sides.items()}
            ratios = {kind: round(rates[kind] / rates["peer"], 2) for kind in ("head", "lora")}
            found[name] = {"ratios": ratios} | sides
    return found


def _pinned(command: Sequence[Any]) -> dict[str, Any]:
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    line = ["taskset", "-c", "0", *map(str, command)]
    done = subprocess.run(line, env=env, check=True, stdout=subprocess.PIPE, text=True)
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def crossed(policy: Path, args: argparse.Namespace, config: IterationConfig) -> dict[str, Any]:
    """The table by set or the learning curve, plotted to ``--out``."""
    sets = {}
    for files in args.sets or [[args.train]]:
        parts = {file.name.split(".")[0]: read(file)[: args.count] for file in files}
        kept = {name: args.features and args.features / f"{name}.safetensors" for name in parts}
        sets[" + ".join(parts)] = [
            one for name in parts for one in known(policy, parts[name], config, kept[name], tell)
        ]
    if args.sets:
        found, draw, name = by_set(sets, config, tell), plots.by_set, "by-set.svg"
    else:
        (rows,) = sets.values()
        found, draw, name = curve(rows, args.curve, config, tell), plots.curve, "curve.svg"
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        draw(found, args.out / name)
    return found


def tell(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
    """Occasional progress lines, since this takes minutes."""
    if done % 100 == 0 or done == total:
        print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)


def _sides(args: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """The training and the test rows."""
    rows = read(args.train)[: args.count]
    return (rows, read(args.test)) if args.test else split(rows)


def _files(names: str) -> list[Path]:
    return [Path(name) for name in names.split(",")]


def main() -> None:
    """Accuracy and its baselines, or speed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--policy", type=Path, help="a policy directory; else the bundled one")
    parser.add_argument("--speed", action="store_true", help="measure speed beside TRL")
    parser.add_argument("--curve", type=int, nargs="+", help="so many rankings; then all")
    parser.add_argument("--sets", type=_files, nargs="+", help="files to compare; A,B is one set")
    parser.add_argument("--out", type=Path, help="a folder for the plot")
    parser.add_argument("--features", type=Path, help="a folder that keeps them, to read again")
    parser.add_argument("--count", type=int, help="use only so many pairs; speed: 48")
    parser.add_argument("--peer-python", type=Path, help="else a venv is made for the peer")
    parser.add_argument("--kind", default="auto", help="head, lora or auto")
    parser.add_argument("--length-control", default="auto", help="on, off or auto")
    parser.add_argument("--threads", type=int, default=0, help="else all cores")
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)  # speed's own processes
    parser.add_argument("--json", action="store_true", help="the result is one line of JSON anyway")
    args = parser.parse_args()
    policy = args.policy or base_policy()
    config = IterationConfig(threads=args.threads)
    settings = replace(
        config.reward_model,
        kind=args.kind,
        length_control=args.length_control,
        max_tokens=MAX_TOKENS,
    )
    config = replace(config, reward_model=settings)
    if args.rows:
        result = run_ours(policy, json.loads(args.rows.read_text()), args.kind)
    elif args.speed:
        peer = args.peer_python or peer_python("trl", PEER_PACKAGES)
        result = speed(policy, args.train, args.count or 48, peer)
    elif args.sets or args.curve:
        result = crossed(policy, args, config)
    else:
        train, test = _sides(args)
        result = accuracy(policy, train, test, config)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
