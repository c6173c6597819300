"""The win rate that a policy would have at equal response length.

Dubois et al. 2024 (arXiv 2404.04475, "Length-controlled AlpacaEval") regress the outcome on the
difference in length and read the win rate off at difference zero. Here only excess words count:
reward models tend to prefer longer responses, and a win with a shorter one is not due to length.
"""

from collections.abc import Sequence

import numpy as np

from tutelage.statistics import ClusterBootstrap, Interval, percentile_interval, win_indicator

_STEPS = 12  # of Newton's method; it converges in six
_PRIOR = np.diag([0.05, 1.0])  # precision: keeps outcomes that never differ from running away


def win_rate_at_equal_length(
    gains: Sequence[float],
    more_words: Sequence[float],
    resampling: ClusterBootstrap,
    draws: np.ndarray | None = None,
) -> Interval:
    """The logistic regression's win rate at no excess of length, with its bootstrap interval.

    Args: gains and differences in length, one per prompt, candidate minus current; ``draws``
    [d, n] of the gains, where a judge's own error is to count.
    """
    outcome = np.asarray(win_indicator(gains))
    outcomes = outcome[None] if draws is None else np.array([win_indicator(g) for g in draws])
    excess = np.maximum(0.0, np.asarray(more_words, np.float64))
    if not excess.any():
        return resampling.mean(outcome, outcomes)
    spread = float(np.std(more_words)) or float(excess.mean())
    design = np.stack((np.ones_like(outcome), np.tanh(excess / spread)), -1)  # [n, 2]
    rates = _at_no_excess(resampling.rows(outcomes), design, resampling.counts)
    whole = _at_no_excess(outcome[None], design, np.ones((1, len(outcome))))
    return Interval(float(whole[0]), *percentile_interval(rates, resampling.level))


def _at_no_excess(outcome: np.ndarray, design: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The share that the fitted intercept stands for.

    Args: outcome [r, n], design [n, 2], counts [r, n] of each outcome. Returns: [r].
    """
    weights = np.zeros((len(outcome), 2))
    for _ in range(_STEPS):
        share = _sigmoid(weights @ design.T)
        slope = (counts * (outcome - share)) @ design - weights @ _PRIOR
        curvature = counts * share * (1 - share)
        curve = np.einsum("nk,rn,nl->rkl", design, curvature, design) + _PRIOR
        weights = weights + np.linalg.solve(curve, slope[..., None])[..., 0]
    return _sigmoid(weights[:, 0])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
