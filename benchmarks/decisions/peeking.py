"""How often a test that is looked at all the time finds a difference where there is none.

    tutelage bench peeking --trials 1000 --json

Two equal policies; people arrive, each likes more or less of what they see, and gives one to five
thumbs. After every person both tests are looked at: ours, which holds at all times at once, and a
plain z-test at 95 %, which holds at one time. ``power`` is the same with a real difference.
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
    """Print the share of trials in which each test ever spoke."""
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
    """The share of trials in which the test excluded no difference at some look."""
    return round(sum(spoke(test, share, effect, seed) for seed in range(trials)) / trials, 4)


def spoke(test: Test, share: float, effect: float, seed: int) -> bool:
    """One trial, looked at whenever somebody new has spoken."""
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
    """Somebody's thumbs: how many, and how many of them up."""
    mood = min(1.0, max(0.0, rate + noise.choice((-0.3, 0.3))))
    count = noise.randint(1, 5)
    return count, float(sum(noise.random() < mood for _ in range(count)))


def always_valid(control: Arm, challenger: Arm) -> AlwaysValid:
    """Ours."""
    return compare(control, challenger, 0.05)


def plain(control: Arm, challenger: Arm) -> AlwaysValid:
    """The usual 95 % interval, as if there were one look."""
    difference = challenger.mean - control.mean
    half = 1.96 * math.sqrt(control.variance + challenger.variance)
    return AlwaysValid(difference, difference - half, difference + half, MINIMUM)


if __name__ == "__main__":
    main()
