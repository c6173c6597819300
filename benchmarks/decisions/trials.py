"""How often a trial finds a lead that is there, how often one that is not, and after how many days.

    tutelage bench trials --trials 4000 --json

60 people rank one response of each policy a day, for 14 days; their win rates lie around the true
one with a standard deviation of 10 points. Three rules decide: ours (one look a day, half of
alpha); the test that may be looked at at any time, with half of alpha; and the same with a sixth of
alpha, which each of six measures had before. ``forecast`` is what ``policies trial-forecast`` says.
"""

import argparse
import json
from typing import Any

import numpy as np

from tutelage.experiments.group_sequential import bounds
from tutelage.experiments.looks import APART, LEADS, expected
from tutelage.experiments.sequential import TAU

PEOPLE, DAYS, ALPHA = 60, 14, 0.05


def main() -> None:
    """Print the shares for each true lead."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {f"lead {lead:.0%}": measure(lead, arguments.trials) for lead in (0.0, *LEADS)}
    for name, row in found.items():
        print(name, row)
    if arguments.json:
        print(json.dumps(found))


def measure(lead: float, trials: int) -> dict[str, Any]:
    """The shares of trials that promote and roll back, and their mean length in days, by rule."""
    difference, variance = simulate(lead, trials)
    widths = {
        "daily looks": looked_at_daily() * np.sqrt(variance),
        "at any time, alpha / 2": always_valid(variance, ALPHA / 2),
        "at any time, alpha / 6": always_valid(variance, ALPHA / 6),
    }
    forecast = expected(PEOPLE, 1.0, ALPHA / 2, DAYS).get(lead)
    return {name: _ended(difference, half) for name, half in widths.items()} | {
        "forecast": [round(forecast.promoted, 3), round(forecast.days, 1)] if forecast else None
    }


def simulate(lead: float, trials: int) -> tuple[np.ndarray, np.ndarray]:
    """The difference from one half after each day and its variance by person: [trials, days]."""
    generator = np.random.default_rng(0)
    rates = np.clip(generator.normal(0.5 + lead, APART, (trials, PEOPLE, 1)), 0, 1)
    wins = (generator.random((trials, PEOPLE, DAYS)) < rates).cumsum(2)
    days = np.arange(1, DAYS + 1)
    mean = wins.mean(1) / days
    residuals = ((wins - days * mean[:, None]) ** 2).sum(1)
    variance = residuals / (PEOPLE * days) ** 2 * PEOPLE / (PEOPLE - 1)
    return mean - 0.5, variance


def looked_at_daily() -> np.ndarray:
    """The bounds of |Z| after each day, by the information that is expected."""
    days = range(1, DAYS + 1)
    information = tuple(PEOPLE / (APART**2 + 0.25 / day) for day in days)
    return np.array(bounds(ALPHA / 2, tuple(day / DAYS for day in days), information))


def always_valid(variance: np.ndarray, alpha: float) -> np.ndarray:
    """``sequential.half_width`` of an array."""
    whole = variance + TAU**2
    half: np.ndarray = np.sqrt(variance * whole / TAU**2 * np.log(whole / (variance * alpha**2)))
    return half


def _ended(difference: np.ndarray, half: np.ndarray) -> list[float]:
    """Shares promoted and rolled back, and the mean day of the end."""
    crossed = np.abs(difference) > half
    first = np.where(crossed.any(1), crossed.argmax(1), DAYS - 1)
    ahead = difference[np.arange(len(first)), first] > 0
    ended = crossed.any(1)
    return [
        round(float((ended & ahead).mean()), 3),
        round(float((ended & ~ahead).mean()), 3),
        round(float((first + 1).mean()), 1),
    ]


if __name__ == "__main__":
    main()
