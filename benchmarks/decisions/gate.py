"""How often the gate refuses, asks about and promotes candidates of known quality.

    tutelage bench gate --seeds 300 --json

An equal candidate (A/A) must be refused in at most 5 % of seeds; ``better`` shows the gate's power.
``unproven`` is the part of ``ask`` for which a schedule may start a canary.
Responses are simulated: random words, and scores with a prompt effect and a response effect.
"""

import argparse
import json
import random
from collections import Counter

from training.config import EvaluationConfig, IterationConfig
from training.evaluation.gate import Decision, decide
from training.evaluation.metrics import EvaluatedResponse, compare

CONFIG = IterationConfig(evaluation=EvaluationConfig(prompts=40, samples=2, resamples=1000))
WORDS = [f"w{number}" for number in range(400)]
BETTER = {"equal": 0.0, "better by 0.5": 0.5, "better by 1.0": 1.0, "worse by 0.5": -0.5}


def main() -> None:
    """Print the share of each verdict for each quality."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {name: shares(merit, arguments.seeds) for name, merit in BETTER.items()}
    for name, row in found.items():
        print(f"{name:15}", row)
    if arguments.json:
        print(json.dumps(found))


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
