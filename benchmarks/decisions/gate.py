"""How often the gate refuses, asks about and promotes candidates of known quality.

    tutelage bench gate --seeds 300 --json
    tutelage bench gate --against-truth linear --seeds 40 --json
    tutelage bench gate --against-truth toy --seeds 10 --work build/lab --json

The first simulates responses: random words, and scores with a prompt effect and a response effect.
An equal candidate (A/A) must be refused in at most 5 % of seeds; ``better`` shows the gate's power.
``unproven`` is the part of ``ask`` for which a schedule may start a canary. There the reward
model's scores are the truth.

``--against-truth`` asks what the first cannot show: how often a reward model that was fitted to few
judgements passes a candidate that people would not prefer. Its candidates are shifted points
(``linear``, about a second a run) or the checkpoints of PPO runs in the toy environment (``toy``),
one run a seed. ``--work`` keeps the latter for the next call; no run begins after ``--minutes``.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.config import EvaluationConfig, GateConfig, IterationConfig
from training.evaluation.gate import Decision, decide
from training.evaluation.metrics import Comparison, EvaluatedResponse, compare
from tutelage.statistics import ClusterBootstrap

if TYPE_CHECKING:
    from lab.candidates import KnownCandidate

CONFIG = IterationConfig(evaluation=EvaluationConfig(prompts=40, samples=2, resamples=1000))
WORDS = [f"w{number}" for number in range(400)]
BETTER = {"equal": 0.0, "better by 0.5": 0.5, "better by 1.0": 1.0, "worse by 0.5": -0.5}
CLEARLY = 0.5  # standard deviations


def main() -> None:
    """Print the share of each verdict for each quality."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--against-truth", choices=("linear", "toy"))
    parser.add_argument("--work", type=Path, help="keeps the toy environment and its runs")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found: dict[str, Any]
    if arguments.against_truth:
        with tempfile.TemporaryDirectory() as scratch:
            runs = _runs(arguments.against_truth, arguments.work or Path(scratch))
            found = against_truth(runs, arguments.seeds, arguments.minutes)
    else:
        found = {name: shares(merit, arguments.seeds) for name, merit in BETTER.items()}
    for name, row in found.items():
        print(f"{name:15}", row)
    if arguments.json:
        print(json.dumps(found))


def _runs(world: str, work: Path) -> "Callable[[int], Iterable[KnownCandidate]]":
    """What makes the candidates of a seed."""
    if world == "linear":
        from lab import linear

        return linear.candidates
    from lab import candidates
    from loop import Lab

    lab = Lab(work, 0, Path(sys.executable))  # its peer is not used here
    return lambda seed: candidates.candidates(lab, seed)


def against_truth(
    runs: "Callable[[int], Iterable[KnownCandidate]]", seeds: int, minutes: float
) -> dict[str, Any]:
    """The gate's verdicts on candidates whose true quality is known."""
    found: list[KnownCandidate] = []
    end = time.monotonic() + 60 * minutes
    for seed in range(seeds):
        if time.monotonic() < end:
            found += runs(seed)
    judges = {
        "the judge's error ignored": lambda c: c.ignored,
        "the judge's error counted": lambda c: c.counted,
    }
    return {"runs": len({c.seed for c in found}), "candidates": len(found)} | {
        f"{name}, {which}": verdicts([c for c in found if chosen(c)], seen)
        for which, chosen in (("all", lambda c: True), ("highest held-out score", lambda c: c.kept))
        for name, seen in judges.items()
    }


def verdicts(
    candidates: "Sequence[KnownCandidate]", seen: "Callable[[KnownCandidate], Comparison]"
) -> dict[str, Any]:
    """Shares of the truly no better and of the truly better ones, with intervals over runs."""
    decisions = [decide(seen(candidate), GateConfig()) for candidate in candidates]
    passed = [decision.verdict == "promote" for decision in decisions]
    tried = [p or d.unproven for p, d in zip(passed, decisions, strict=True)]
    asked = [d.verdict != "refuse" for d in decisions]
    bad = [candidate.gain <= 0 for candidate in candidates]
    good = [candidate.gain >= CLEARLY for candidate in candidates]
    runs = [candidate.seed for candidate in candidates]
    return {
        "no better": sum(bad),
        "of which promoted": _share(passed, bad, runs),
        "of which tried": _share(tried, bad, runs),
        "better by half": sum(good),
        "of which promoted ": _share(passed, good, runs),
        "of which tried ": _share(tried, good, runs),
        "of which promoted or asked ": _share(asked, good, runs),
    }


def _share(what: Sequence[bool], among: Sequence[bool], runs: Sequence[int]) -> list[float]:
    """The share among some, and its 95 % interval over runs."""
    rows = [i for i, chosen in enumerate(among) if chosen]
    if not rows:
        return []
    resampling = ClusterBootstrap.of([runs[i] for i in rows], 2000, 0)
    found = resampling.mean(np.array([what[i] for i in rows], float))
    return [round(x, 3) for x in (found.mean, found.low, found.high)]


def shares(merit: float, seeds: int) -> dict[str, float]:
    """The share of seeds with each verdict; ``merit`` in standard deviations of the score."""
    decisions = [decided(merit, seed) for seed in range(seeds)]
    counts = Counter(str(decision.verdict) for decision in decisions)
    counts["unproven"] = sum(decision.unproven for decision in decisions)
    return {
        name: round(counts[name] / seeds, 3) for name in ("promote", "ask", "unproven", "refuse")
    }


def decided(merit: float, seed: int) -> Decision:
    """The gate on one pair of simulated policies."""
    noise = random.Random(seed)
    prompts = [noise.gauss(0, 1) for _ in range(CONFIG.evaluation.prompts)]
    current, candidate = (responses(noise, prompts, more) for more in (0.0, merit))
    return decide(compare(current, candidate, CONFIG), CONFIG.gate)


def responses(noise: random.Random, prompts: list[float], merit: float) -> list[EvaluatedResponse]:
    """One policy's responses, prompt by prompt."""
    return [
        EvaluatedResponse(
            " ".join(noise.choices(WORDS, k=(words := max(1, round(noise.gauss(45, 15)))))),
            prompt + merit + noise.gauss(0, 1),
            noise.random() < 0.7,
            noise.random() < 0.01,
            abs(noise.gauss(5, 2)),
            words,
        )
        for prompt in prompts
        for _ in range(CONFIG.evaluation.samples)
    ]


if __name__ == "__main__":
    main()
