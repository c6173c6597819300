"""Uncertainty sampling against random choice, at the same number of rankings.

    tutelage bench uncertainty --json
    tutelage bench uncertainty --work build/lab --seeds 12

In the toy environment (``lab``): a pool of responses by the base policy, four to a prompt, and
labelers who agree on 73 % of pairs. Both begin with the same 16 rankings; then 16 more at a time
are chosen, at random or where the ensemble disagrees most. The measure is the share of pairs in the
order of the true reward, among responses to prompts without rankings. Intervals are 95 % bootstraps
over seeds, of the paired difference.
"""

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lab import bench, toy_environment
from lab.bench import CONFIG, TEST, TRAIN, ToyPolicy
from lab.people import AGREEMENT, Labeler, noise_for
from torch import Tensor

from training.compute import compute
from training.reward.ensemble import fit_ensemble
from training.reward.features import all_features, trunk_states
from training.reward.head import fit
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceExample, preference_examples
from tutelage.statistics import bootstrap

POOL, STEP, LAST, ANSWERS = 384, 16, 128, 4
WAYS = ("random", "uncertain")


class Pool:
    """Responses with their features and a labeler's rankings."""

    def __init__(self, toy_policy: ToyPolicy, prompts: list[str], count: int, seed: int) -> None:
        generator = random.Random(seed)
        self.prompts = [prompts[i % len(prompts)] for i in range(count)]
        self.answers = toy_policy.answers(self.prompts, ANSWERS, seed)
        labeler = Labeler(noise_for(AGREEMENT, self._golds()))
        rows = [
            {"conversation_id": str(i), "prompt": bench.dialogue(p), "responses": a,
             "ranks": labeler.rank(p, a, generator)}
            for i, (p, a) in enumerate(zip(self.prompts, self.answers, strict=True))
        ]  # fmt: skip
        with compute(CONFIG), torch.no_grad():
            self.rows: list[PreferenceExample] = preference_examples(
                toy_policy.tokenizer, rows, [], 10_000
            )
            states = [trunk_states(toy_policy.model, row) for row in self.rows]
            self.features: list[Tensor] = all_features(
                toy_policy.model, toy_policy.model.reference, self.rows, states
            )

    def _golds(self) -> list[tuple[float, float]]:
        return [
            (toy_environment.gold(p, a[0]), toy_environment.gold(p, a[1]))
            for p, a in zip(self.prompts, self.answers, strict=True)
        ]

    def accuracy(self, reward: RewardModel) -> float:
        """Pairwise accuracy against the true reward, without ties."""
        right = []
        for prompt, answers, features in zip(
            self.prompts, self.answers, self.features, strict=True
        ):
            gold = np.array([toy_environment.gold(prompt, answer) for answer in answers])
            scores = reward.score(features).numpy()
            above = np.triu_indices(len(answers), 1)
            truth, said = (np.subtract.outer(x, x)[above] for x in (gold, scores))
            right += list((np.sign(said) == np.sign(truth))[truth != 0])
        return float(np.mean(right))


def learn(pool: Pool, test: Pool, uncertain: bool, seed: int) -> list[float]:
    """The accuracy after 16, 32, … rankings."""
    generator = random.Random(seed)
    left = list(range(len(pool.rows)))
    generator.shuffle(left)
    known, found = left[:STEP], []
    left = left[STEP:]
    while True:
        rows, features = [pool.rows[i] for i in known], [pool.features[i] for i in known]
        reward = fit(rows, features, CONFIG.reward_model)
        found.append(test.accuracy(reward))
        if len(known) >= LAST:
            return found
        if uncertain:
            ensemble = fit_ensemble(reward, rows, features, CONFIG.reward_model, seed)
            left.sort(key=lambda i: -ensemble.disagreement(pool.features[i]))
        known, left = known + left[:STEP], left[STEP:]


def measure(work: Path, seeds: int) -> dict[str, Any]:
    """Both strategies at equal label counts, over seeds."""
    base = work / "base"
    if not (base / "model.safetensors").is_file():
        toy_environment.write_base_policy(base)
    toy_policy = ToyPolicy(base)
    curves: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for seed in range(seeds):
        pool, test = Pool(toy_policy, TRAIN, POOL, seed), Pool(toy_policy, TEST, 192, 1000 + seed)
        for way in WAYS:
            with compute(CONFIG):
                curves[way].append(learn(pool, test, way == "uncertain", seed))
    by_way = {way: np.array(found) for way, found in curves.items()}  # [seeds, steps]
    gain = by_way["uncertain"] - by_way["random"]
    return {
        "rankings": list(range(STEP, LAST + 1, STEP)),
        **{way: found.mean(0).round(4).tolist() for way, found in by_way.items()},
        "gain": [_interval(column) for column in gain.T],
        "gain_over_all": _interval(gain[:, 1:].mean(1)),  # the first step is the same for both
        "seeds": seeds,
    }


def _interval(values: np.ndarray) -> list[float]:
    found = bootstrap([float(value) for value in values], 2000, 0)
    return [round(x, 4) for x in (found.mean, found.low, found.high)]


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, help="keeps the world's policy; else a fresh folder")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--json", action="store_true", help="the result is one line of JSON anyway")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(measure(args.work or Path(scratch), args.seeds)))


if __name__ == "__main__":
    main()
