"""False positives of a test that is evaluated continuously.

    tutelage bench peeking --trials 1000 --json

Two equal policies; users arrive, each with a thumbs-up rate of their own, and give one to five
thumbs. After every user two tests are evaluated: ours, which is valid at any time, and a plain
z-test at 95 %, which is valid at one time. ``power`` is the same with a real difference.
"""

import argparse
import json
import math
import random
from collections.abc import Callable

from tutelage.experiments.sequential import MINIMUM, AlwaysValid, Arm, compare

PEOPLE = 1000  # in each arm, at the end
SHARES = (0.5, 0.1)  # of the people who meet the challenger
EFFECT = 0.1
Test = Callable[[Arm, Arm], AlwaysValid]


def main() -> None:
    """Print the share of trials in which each test ever rejects."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {
        f"share {share:.0%}": {
            "always valid": ever(always_valid, share, 0.0, arguments.trials),
            "plain test": ever(plain, share, 0.0, arguments.trials),
            "power": ever(always_valid, share, EFFECT, max(1, arguments.trials // 5)),
        }
        for share in SHARES
    }
    for name, row in found.items():
        print(name, row)
    if arguments.json:
        print(json.dumps(found))


def ever(test: Test, share: float, effect: float, trials: int) -> float:
    """The share of trials in which the test rejects equality at some look."""
    return round(sum(spoke(test, share, effect, seed) for seed in range(trials)) / trials, 4)


def spoke(test: Test, share: float, effect: float, seed: int) -> bool:
    """One trial, evaluated after every user."""
    noise = random.Random(seed)
    control: list[tuple[int, float]] = []
    challenger: list[tuple[int, float]] = []
    for arrived in range(PEOPLE):
        mine = noise.random() < share
        (challenger if mine else control).append(person(noise, 0.6 + effect * mine))
        if min(len(control), len(challenger)) < MINIMUM or arrived % 5:
            continue
        found = test(Arm(control), Arm(challenger))
        if found.low > 0 or found.high < 0:
            return True
    return False


def person(noise: random.Random, rate: float) -> tuple[int, float]:
    """A user's thumbs: how many, and how many of them up."""
    mood = min(1.0, max(0.0, rate + noise.choice((-0.3, 0.3))))
    count = noise.randint(1, 5)
    return count, float(sum(noise.random() < mood for _ in range(count)))


def always_valid(control: Arm, challenger: Arm) -> AlwaysValid:
    """The test of tutelage."""
    return compare(control, challenger, 0.05)


def plain(control: Arm, challenger: Arm) -> AlwaysValid:
    """The usual 95 % interval, for a single look."""
    difference = challenger.mean - control.mean
    half = 1.96 * math.sqrt(control.variance + challenger.variance)
    return AlwaysValid(difference, difference - half, difference + half, MINIMUM)


if __name__ == "__main__":
    main()
