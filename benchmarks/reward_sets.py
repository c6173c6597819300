"""The reward model on several sets of people's comparisons: each alone, all together, by size.

    tutelage bench reward-sets HH.jsonl TULU.jsonl PANDALM.jsonl --json

Rows are as `tutelage bench reward-model` takes them, or as LLMBar ("output_1", "label"), PandaLM
("response1", three annotators) and Tulu's evaluation ("completion_a", "preference") write them;
ties are left out. Three in ten opening messages of each set are tested on. A head is fitted to each
set and one to all; each is tested on every set. Beside its accuracy stand its 95 % interval, pairs
of like length, "longer wins", a TF-IDF model, how often two of the set's annotators agree, and the
accuracy by the number of comparisons. States are computed once, so all fits together cost seconds.
"""

import argparse
import functools
import itertools
import json
import operator
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ground import base_policy
from reward_model import Row, read, split, tfidf
from torch import Tensor

from training.comparisons import Judged, Outcomes, judged_rows
from training.config import IterationConfig
from training.interval import bootstrap
from training.models import SplitModel, compute
from training.reward_head import fit
from training.scoring import features_of, trunk_states
from training.tokenization import ChatTokenizer

SIZES = (250, 500, 1000)
LONGEST = 1024  # tokens of prompt and answer


def comparisons(path: Path) -> tuple[list[Row], float | None]:
    """A file's decided pairs as rankings of two, and how often two annotators agree, if known."""
    first = json.loads(path.read_text("utf-8").split("\n", 1)[0])
    if not first.keys() & {"output_1", "response1", "completion_a"}:
        return read(path), None
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    votes = [_votes(row) for row in rows]
    pairs = [
        _ranking(row, sum(some)) for row, some in zip(rows, votes, strict=True) if sum(some) != 0
    ]
    both = [(a, b) for some in votes for a, b in itertools.combinations(some, 2) if a and b]
    return pairs, float(np.mean([a == b for a, b in both])) if both else None


def _votes(row: Mapping[str, Any]) -> list[int]:
    """+1 for the first answer, -1 for the second, 0 for a tie; one by each annotator."""
    if "completion_a" in row:
        return [{"a": 1, "b": -1}.get(row["preference"].split("-")[0], 0)]
    names = ["label"] if "label" in row else ["annotator1", "annotator2", "annotator3"]
    return [(0, 1, -1)[row[name]] for name in names]


def _ranking(row: Mapping[str, Any], vote: int) -> Row:
    asked = row.get("prompt") or f"{row.get('instruction', '')}\n\n{row.get('input', '')}"
    sides = (("completion_a", "completion_b"), ("response1", "response2"), ("output_1", "output_2"))
    names = next(each for each in sides if each[0] in row)
    return {
        "conversation_id": asked.strip(),
        "prompt": [{"role": "user", "content": asked.strip()}],
        "responses": [row[name] for name in (names if vote > 0 else names[::-1])],
        "ranks": [0, 1],
    }


@dataclass(frozen=True)
class Side:
    """Comparisons with the features of their answers."""

    texts: list[Row]
    rows: list[Judged]
    features: list[Tensor]

    def __add__(self, other: "Side") -> "Side":
        return Side(
            self.texts + other.texts, self.rows + other.rows, self.features + other.features
        )

    def first(self, count: int) -> "Side":
        """The first ``count`` of them."""
        return Side(self.texts[:count], self.rows[:count], self.features[:count])


class Reader:
    """The policy whose states are read."""

    def __init__(self, policy: Path, config: IterationConfig) -> None:
        self.config, self.tokenizer = config, ChatTokenizer(policy)
        self.model = SplitModel.load(policy, config)

    def side(self, texts: Sequence[Row]) -> Side:
        """Features of all answers; a row that is too long is left out."""
        kept: list[Row] = []
        rows: list[Judged] = []
        features: list[Tensor] = []
        for text in texts:
            for row in judged_rows(self.tokenizer, [text], [], LONGEST):
                with torch.no_grad():
                    states = trunk_states(self.model, row)
                    features.append(features_of(self.model, self.model.reference, row, states))
                kept.append(text)
                rows.append(row)
                if len(rows) % 50 == 0:
                    print(f"{len(rows)} of {len(texts)} …", file=sys.stderr, flush=True)
        return Side(kept, rows, features)


def tested(train: Side, test: Side, config: IterationConfig) -> dict[str, Any]:
    """A head fitted to one side, and what it says of another."""
    head = fit(train.rows, train.features, config.reward_model)
    outcomes = Outcomes.of(test.rows)
    lengths = torch.tensor([float(len(r)) for row in test.rows for r in row.responses])
    right = outcomes.right(head.score(torch.cat(test.features)))
    longer = outcomes.right(lengths)
    interval = bootstrap(right.tolist(), 2000, 0)
    return {
        "accuracy": round(interval.mean, 3),
        "interval": [round(interval.low, 3), round(interval.high, 3)],
        "length_matched_accuracy": round(float(right[outcomes.length_matched(lengths)].mean()), 3),
        "longer_wins": round(float(longer.mean()), 3),
        "shorter_wins": round(1 - float(longer.mean()), 3),
        "penalty": head.facts["penalty"],
        "trained_on": len(train.rows),
        "tested_on": len(test.rows),
    }


def measure(files: Sequence[Path], count: int | None, reader: Reader) -> dict[str, Any]:
    """Every set by itself, by size, and every head on every set."""
    sides, found = {}, {}
    for path in files:
        rows, agreement = comparisons(path)
        order = np.random.default_rng(0).permutation(len(rows))[:count]
        train, test = (reader.side(some) for some in split([rows[i] for i in order]))
        sides[path.stem] = train, test
        sizes = [n for n in SIZES if n < len(train.rows)]
        found[path.stem] = tested(train, test, reader.config) | {
            "tfidf": round(tfidf(train.texts, test.texts), 3),
            "annotators_agree": agreement and round(agreement, 3),
            "by_size": {n: tested(train.first(n), test, reader.config)["accuracy"] for n in sizes},
        }
    return {"sets": found, "trained_on": across(sides, reader.config) if len(sides) > 1 else None}


def across(
    sides: Mapping[str, tuple[Side, Side]], config: IterationConfig
) -> dict[str, dict[str, list[float]]]:
    """By what a head was fitted to, and what it was tested on: accuracy and its interval."""
    trained = {name: train for name, (train, _) in sides.items()}
    trained["all"] = functools.reduce(operator.add, trained.values())
    found: dict[str, dict[str, list[float]]] = {}
    for name, train in trained.items():
        results = {of: tested(train, test, config) for of, (_, test) in sides.items()}
        found[name] = {of: [row["accuracy"], *row["interval"]] for of, row in results.items()}
    return found


def main() -> None:
    """Reads, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--policy", type=Path, help="a policy directory; else the bundled one")
    parser.add_argument("--count", type=int, help="use only so many pairs of each set, by lot")
    parser.add_argument("--json", action="store_true", help="the result is one line of JSON anyway")
    args = parser.parse_args()
    config = IterationConfig()
    with compute(config):
        reader = Reader(args.policy or base_policy(), config)
        print(json.dumps(measure(args.files, args.count, reader)))


if __name__ == "__main__":
    main()
