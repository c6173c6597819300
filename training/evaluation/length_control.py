"""The win rate that a policy would have at equal response length.

Dubois et al. 2024 (arXiv 2404.04475, "Length-controlled AlpacaEval") regress the outcome on the
difference in length and read the win rate off at difference zero. Here only excess words count:
reward models tend to prefer longer responses, and a win with a shorter one is not due to length.
"""

from collections.abc import Sequence

import numpy as np

from tutelage.statistics import (
    LEVEL,
    Interval,
    bootstrap,
    percentile_interval,
    resample_indices,
    win_indicator,
)

_STEPS = 12  # of Newton's method; it converges in six
_PRIOR = np.diag([0.05, 1.0])  # precision: keeps outcomes that never differ from running away


def win_rate_at_equal_length(
    gains: Sequence[float],
    more_words: Sequence[float],
    resamples: int,
    seed: int,
    level: float = LEVEL,
) -> Interval:
    """The logistic regression's win rate at no excess of length, with its bootstrap interval.

    Args: gains and differences in length, one per prompt, candidate minus current.
    """
    outcome, excess = (
        np.asarray(win_indicator(gains)),
        np.maximum(0.0, np.asarray(more_words, np.float64)),
    )
    if not excess.any():
        return bootstrap(outcome.tolist(), resamples, seed, level)
    spread = float(np.std(more_words)) or float(excess.mean())
    design = np.stack((np.ones_like(outcome), np.tanh(excess / spread)), -1)  # [n, 2]
    rows = resample_indices(len(outcome), resamples, seed)
    low, high = percentile_interval(_at_no_excess(outcome[rows], design[rows]), level)
    return Interval(float(_at_no_excess(outcome[None], design[None])[0]), low, high)


def _at_no_excess(outcome: np.ndarray, design: np.ndarray) -> np.ndarray:
    """The share that the fitted intercept stands for: outcome [r, n], design [r, n, 2] -> [r]."""
    weights = np.zeros((len(outcome), 2))
    for _ in range(_STEPS):
        share = _sigmoid(np.einsum("rnk,rk->rn", design, weights))
        slope = np.einsum("rnk,rn->rk", design, outcome - share) - weights @ _PRIOR
        curve = np.einsum("rnk,rn,rnl->rkl", design, share * (1 - share), design) + _PRIOR
        weights = weights + np.linalg.solve(curve, slope[..., None])[..., 0]
    return _sigmoid(weights[:, 0])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
