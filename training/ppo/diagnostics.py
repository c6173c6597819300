"""Health checks of a PPO run, from its metrics alone: what is wrong, and the likely cause.

Each check compares the newest row with the first, which is the policy that PPO began with, or with
the one before. A run that fails a check stops; the best policy so far is kept.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from training.config import HealthCheckConfig

Row = Mapping[str, float]
History = Sequence[Row]  # one row of ``objective/…`` and ``response/…`` metrics per update


def diagnose(history: History, config: HealthCheckConfig) -> str | None:
    """The first check that fails, as a sentence; nothing while all pass."""
    return next(filter(None, (check(history, config) for check in CHECKS)), None)


def _not_finite(history: History, config: HealthCheckConfig) -> str | None:
    broken = [name for name, value in history[-1].items() if not math.isfinite(value)]
    if not broken:
        return None
    return f"{broken[0]} is not finite: the learning rate is likely too high."


def _negative_kl(history: History, config: HealthCheckConfig) -> str | None:
    kl = history[-1]["objective/kl"]
    if kl >= -config.kl_below_zero:
        return None
    return (
        f"The KL from the reference is {kl:.1f} nats, and a true KL is never negative: sampler and "
        "learner likely disagree about log-probabilities, or end-of-sequence tokens are masked."
    )


def _other_sampler(history: History, config: HealthCheckConfig) -> str | None:
    kl = history[-1].get("rollout/sampler_kl", 0.0)
    if kl <= config.sampler_kl:
        return None
    return (
        f"What the vLLM servers sample from is {kl:.2g} nats per token away from the policy (at "
        f"most {config.sampler_kl:g}): they likely serve other weights or another number format, "
        "or were started without --logprobs-mode processed_logprobs."
    )


def _exploding_kl(history: History, config: HealthCheckConfig) -> str | None:
    jump = history[-1]["objective/kl"] - _before(history)["objective/kl"]
    if jump <= config.kl_jump:
        return None
    return (
        f"The KL from the reference rose by {jump:.1f} nats in one update: the learning rate is "
        "likely too high or kl_coef too low."
    )


def _entropy_collapse(history: History, config: HealthCheckConfig) -> str | None:
    first, now = history[0]["response/surprise"], history[-1]["response/surprise"]
    if now >= config.entropy_share * first:
        return None
    return (
        f"The entropy collapsed from {first:.2f} to {now:.2f} nats/token: responses barely vary "
        "across seeds (mode collapse, likely reward hacking)."
    )


def _length_drift(history: History, config: HealthCheckConfig) -> str | None:
    first, now = history[0]["response/length"], history[-1]["response/length"]
    if config.shortest * first <= now <= config.longest * first:
        return None
    return (
        f"The mean response went from {first:.0f} to {now:.0f} tokens: the reward model likely "
        "rewards length itself, outside the range of the ranked responses."
    )


def _repetition(history: History, config: HealthCheckConfig) -> str | None:
    first, now = history[0]["response/repetition"], history[-1]["response/repetition"]
    if now <= first + config.repetition_rise:
        return None
    return (
        f"{now:.0%} of the four-token runs repeat earlier ones ({first:.0%} at first): the reward "
        "model likely rewards a phrase."
    )


def _missing_eos(history: History, config: HealthCheckConfig) -> str | None:
    first, now = history[0]["response/eos_share"], history[-1]["response/eos_share"]
    if now >= first - config.eos_fall:
        return None
    return (
        f"Only {now:.0%} of the responses end by themselves, with an end-of-sequence token "
        f"({first:.0%} at first): missing_eos_penalty is likely too low for these scores."
    )


def _value_divergence(history: History, config: HealthCheckConfig) -> str | None:
    name = "value/explained_variance"
    # The first update's values are the reward model's, which has seen no return yet.
    found = [row[name] for row in history[1:] if name in row]
    if len(found) < 2 or max(found[-2:]) >= config.explained_variance:
        return None
    return (
        f"The value model explains {found[-1]:.1f} of the returns' variance, less than their mean "
        "would: the rewards likely changed in kind since the update before."
    )


def _hacking(history: History, config: HealthCheckConfig) -> str | None:
    best = max(history, key=lambda row: row["heldout/score"])
    now = history[-1]
    fell = best["heldout/score"] - now["heldout/score"]
    rose = now["objective/scores"] - best["objective/scores"]
    if fell <= config.heldout_fall * now["heldout/standard_error"] or rose <= 0:
        return None
    return (
        f"Since update {best['update']:.0f} the training reward rose by {rose:.2f} while the "
        f"held-out reward fell by {fell:.2f}: reward hacking."
    )


def _before(history: History) -> Row:
    return history[-2] if len(history) > 1 else history[-1]


CHECKS: tuple[Callable[[History, HealthCheckConfig], str | None], ...] = (
    _not_finite,
    _other_sampler,
    _negative_kl,
    _exploding_kl,
    _entropy_collapse,
    _length_drift,
    _repetition,
    _missing_eos,
    _value_divergence,
    _hacking,
)
