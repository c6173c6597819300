"""Reward-model over-optimisation: curves over the distance from the reference policy.

Gao et al. 2022, "Scaling laws for reward model overoptimization", arXiv 2210.10760: with d =
sqrt(KL), the true reward gained is d (a - b log d) for reinforcement learning and d (a - b d) for
best-of-n.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fit:
    """d (a - b log d) or d (a - b d), and the share of the variance that it explains."""

    a: float
    b: float
    r_squared: float


def fit_rl(kl: Sequence[float], gains: Sequence[float]) -> Fit:
    """Least squares of d (a - b log d); points at KL 0 are left out."""
    return _fit(kl, gains, np.log)


def fit_best_of_n(kl: Sequence[float], gains: Sequence[float]) -> Fit:
    """Least squares of d (a - b d)."""
    return _fit(kl, gains, lambda d: d)


def _fit(
    kl: Sequence[float], gains: Sequence[float], bend: Callable[[np.ndarray], np.ndarray]
) -> Fit:
    points = np.array([(k, g) for k, g in zip(kl, gains, strict=True) if k > 1e-3])
    d, gain = np.sqrt(points[:, 0]), points[:, 1]
    design = np.stack((d, -d * bend(d)), 1)
    (a, b), *_ = np.linalg.lstsq(design, gain, rcond=None)
    missed = gain - design @ np.array([a, b])
    return Fit(float(a), float(b), float(1 - missed.var() / max(gain.var(), 1e-12)))


def best_of_n_kl(n: int) -> float:
    """log n - (n - 1) / n, nats (Stiennon et al. 2020, arXiv 2009.01325, appendix G.3)."""
    return math.log(n) - (n - 1) / n


def best_of_n(proxy: np.ndarray, judged: np.ndarray, n: int) -> float:
    """The mean ``judged`` score of the response with the best ``proxy`` score among n.

    Both [prompts, N], N >= n responses to each prompt. Every choice of n of the N counts (the
    unbiased estimator of Nakano et al. 2021, arXiv 2112.09332, §A.3): the i-th worst of N by proxy
    is the best of n in C(i, n - 1) of C(N, n) choices, i from 0.
    """
    responses = proxy.shape[1]
    weights = np.array([math.comb(i, n - 1) for i in range(responses)]) / math.comb(responses, n)
    order = np.argsort(proxy, axis=1)
    return float((np.take_along_axis(judged, order, 1) @ weights).mean())
