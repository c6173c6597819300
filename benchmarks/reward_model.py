"""The reward model: how well it orders people's comparisons, and how fast it learns beside TRL's.

    tutelage bench reward-model --train A.jsonl --test B.jsonl --json
    tutelage bench reward-model --train A.jsonl --speed --json
    tutelage bench reward-model --train A.jsonl --floor --json

Rows are {"prompt": [messages], "chosen": text, "rejected": text}, or {"chosen", "rejected"} with
whole dialogues as HH-RLHF writes them. Without ``--test`` three in ten opening messages are tested
on. Beside the accuracy stand "longer wins", the accuracy on pairs of like length, and a TF-IDF
logistic regression on the same pairs; ``--floor`` prints what needs no reward model. With
``--speed`` ours and TRL's RewardTrainer with LoRA train on the same pairs, and on rankings of four
that are made of them, in processes of their own on one core each.
"""

import argparse
import hashlib
import json
import os
import re
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
from ground import base_policy, peer_python
from ppo import PEER_PACKAGES
from scipy.sparse import vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from training.config import IterationConfig
from training.examination import examine
from training.interval import bootstrap
from training.progress import silent
from training.reward_model import train_reward_model
from tutelage.judgements import opening

PEER = Path(__file__).parent / "peers" / "trl_reward.py"
TEST_TENTHS = 3
Row = dict[str, Any]


def read(path: Path) -> list[Row]:
    """Comparisons as rankings of two; those without two answers to one prompt are left out."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    pairs = [row if "prompt" in row else _split_dialogues(row) for row in rows]
    return [
        {
            "conversation_id": opening(row["prompt"]),
            "prompt": row["prompt"],
            "responses": [row["chosen"], row["rejected"]],
            "ranks": [0, 1],
        }
        for row in pairs
        if row and row["chosen"] and row["rejected"]
    ]


def _split_dialogues(row: Mapping[str, str]) -> Row | None:
    """Bai et al. 2022, arXiv 2204.05862: two dialogues that differ in the last answer alone."""
    chosen, rejected = (_turns(row[side]) for side in ("chosen", "rejected"))
    if not chosen or chosen[:-1] != rejected[:-1] or chosen[-1]["role"] != "assistant":
        return None
    last = {"chosen": chosen[-1]["content"], "rejected": rejected[-1]["content"]}
    return {"prompt": chosen[:-1]} | last


def _turns(text: str) -> list[dict[str, str]]:
    parts = re.split(r"\n\n(Human|Assistant):", text)[1:]
    return [
        {"role": "user" if who == "Human" else "assistant", "content": said.strip()}
        for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]


def split(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Rows to train on, and rows to test on: no opening message is on both sides."""
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
    """Trains on some comparisons and orders others."""
    with tempfile.TemporaryDirectory() as scratch:
        facts = train_reward_model(policy, train, [], config, Path(scratch), silent)
        exam = examine(policy, Path(scratch), test, config)
    right = np.array(exam["chosen"]) > np.array(exam["rejected"])
    interval = bootstrap([float(x) for x in right], 2000, 0)
    return {
        "accuracy": exam["accuracy"],
        "interval": [round(interval.low, 3), round(interval.high, 3)],
        "length_matched_accuracy": exam["length_matched_accuracy"],
        "longer_wins": exam["longer_wins"],
        "shorter_wins": 1 - exam["longer_wins"],
        "tfidf": tfidf(train, test),
        "ece": exam["ece"],
        "cross_validated": facts["accuracy"],
        "trained_on": len(train),
        "tested_on": exam["comparisons"],
    }


def floor(train: list[Row], test: list[Row]) -> dict[str, Any]:
    """What needs no reward model."""
    lengths = [[len(text.split()) for text in row["responses"]] for row in test]
    longer = [0.5 + 0.5 * np.sign(chosen - rejected) for chosen, rejected in lengths]
    return {
        "tfidf": tfidf(train, test),
        "longer_wins": float(np.mean(longer)),
        "trained_on": len(train),
        "tested_on": len(test),
    }


def tfidf(train: list[Row], test: list[Row]) -> float:
    """The floor: a logistic regression on differences of TF-IDF vectors."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    vectorizer.fit([text for row in train for text in row["responses"]])

    def differences(rows: list[Row]) -> Any:
        chosen, rejected = ([row["responses"][i] for row in rows] for i in (0, 1))
        return vectorizer.transform(chosen) - vectorizer.transform(rejected)

    known = differences(train)
    both = np.r_[np.ones(len(train)), np.zeros(len(train))]
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000)
    model.fit(vstack((known, -known)), both)
    return float((model.decision_function(differences(test)) > 0).mean())


def as_rankings(rows: list[Row]) -> list[Row]:
    """Every two comparisons as one ranking of four answers to the first one's prompt."""
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
    """One training of ours in this process: pairs per processor second."""
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
    """Ours and the peer in turn, on pairs and on rankings of four."""
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


def _sides(args: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """What is trained on, and what is tested on."""
    rows = read(args.train)[: args.count]
    return (rows, read(args.test)) if args.test else split(rows)


def main() -> None:
    """Accuracy, its floor, or speed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--policy", type=Path, help="a policy directory; else the bundled one")
    parser.add_argument("--speed", action="store_true", help="measure speed beside TRL")
    parser.add_argument("--floor", action="store_true", help="TF-IDF and length alone")
    parser.add_argument("--count", type=int, help="use only so many pairs; speed: 48")
    parser.add_argument("--peer-python", type=Path, help="else a venv is made for the peer")
    parser.add_argument("--kind", default="auto", help="head, lora or auto")
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)  # speed's own processes
    parser.add_argument("--json", action="store_true", help="the result is one line of JSON anyway")
    args = parser.parse_args()
    if args.floor:
        print(json.dumps(floor(*_sides(args))))
        return
    policy = args.policy or base_policy()
    if args.rows:
        result = run_ours(policy, json.loads(args.rows.read_text()), args.kind)
    elif args.speed:
        peer = args.peer_python or peer_python("trl", PEER_PACKAGES)
        result = speed(policy, args.train, args.count or 48, peer)
    else:
        config = IterationConfig()
        config = replace(config, reward_model=replace(config.reward_model, kind=args.kind))
        train, test = _sides(args)
        result = accuracy(policy, train, test, config)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
