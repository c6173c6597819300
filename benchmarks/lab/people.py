"""Labelers of the toy environment: the true reward plus noise of a known size."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from lab.toy_environment import gold

AGREEMENT = 0.73  # of two labelers on a pair; InstructGPT §3.4 measured 72.6 +- 1.5 %


@dataclass(frozen=True)
class Labeler:
    """Ranks by the true reward plus noise; ``per_word`` is a length bias."""

    noise: float
    per_word: float = 0.0

    def rank(self, prompt: str, answers: Sequence[str], generator: random.Random) -> list[int]:
        """A rank for each response, 0 the best; equal responses are tied."""
        seen = {answer: self._sees(prompt, answer, generator) for answer in answers}
        order = sorted(seen, key=lambda answer: -seen[answer])
        return [order.index(answer) for answer in answers]

    def _sees(self, prompt: str, answer: str, generator: random.Random) -> float:
        return (
            gold(prompt, answer)
            + self.per_word * len(answer.split())
            + generator.gauss(0, 1) * self.noise
        )


def noise_for(agreement: float, pairs: Sequence[tuple[float, float]]) -> float:
    """The noise at which two labelers agree on this share of the pairs of true rewards.

    Each is right with probability Phi(|difference| / (noise sqrt 2)) = p; two agree with
    p^2 + (1 - p)^2.
    """
    low, high = 1e-3, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _agreement(middle, pairs) > agreement else (low, middle)
    return (low + high) / 2


def flips_to_agreement(flips: float) -> float:
    """How often two labelers agree if each errs on this share of the pairs."""
    return (1 - flips) ** 2 + flips**2


def _agreement(noise: float, pairs: Sequence[tuple[float, float]]) -> float:
    right = [0.5 * (1 + math.erf(abs(a - b) / (2 * noise))) for a, b in pairs if a != b]
    return sum(p * p + (1 - p) * (1 - p) for p in right) / len(right)
