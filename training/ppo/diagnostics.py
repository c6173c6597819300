"""The health doctor: what ails a PPO run, in words with the likely cause, from its metrics alone.

Each check looks at the newest row beside the first, which is the policy that PPO began with, or
beside the one before. A run that is ill stops; what is kept is the best policy from before.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from training.config import DoctorConfig

Row = Mapping[str, float]
History = Sequence[Row]  # one row of ``objective/…`` and ``response/…`` metrics per update


def diagnose(history: History, config: DoctorConfig) -> str | None:
    """The first ailment found, as a sentence; nothing while the run is well."""
    return next(filter(None, (check(history, config) for check in CHECKS)), None)


def _not_finite(history: History, config: DoctorConfig) -> str | None:
    broken = [name for name, value in history[-1].items() if not math.isfinite(value)]
    if not broken:
        return None
    return f"{broken[0]} is not finite: the learning rate is likely too high."


def _negative_kl(history: History, config: DoctorConfig) -> str | None:
    kl = history[-1]["objective/kl"]
    if kl >= -config.kl_below_zero:
        return None
    return (
        f"The KL from the reference is {kl:.1f} nats, and no true KL is negative: sampler and "
        "learner likely disagree about log-probabilities, or end-of-sequence tokens are masked."
    )


def _exploding_kl(history: History, config: DoctorConfig) -> str | None:
    jump = history[-1]["objective/kl"] - _before(history)["objective/kl"]
    if jump <= config.kl_jump:
        return None
    return (
        f"The KL from the reference rose by {jump:.1f} nats in one update: the learning rate is "
        "likely too high or kl_coef too low."
    )


def _entropy_collapse(history: History, config: DoctorConfig) -> str | None:
    first, now = history[0]["response/surprise"], history[-1]["response/surprise"]
    if now >= config.entropy_share * first:
        return None
    return (
        f"The entropy fell from {first:.2f} to {now:.2f} nats a token: the policy says nearly the "
        "same whatever the luck; it likely found one answer that the reward model likes."
    )


def _length_drift(history: History, config: DoctorConfig) -> str | None:
    first, now = history[0]["response/length"], history[-1]["response/length"]
    if config.shortest * first <= now <= config.longest * first:
        return None
    return (
        f"Answers went from {first:.0f} to {now:.0f} tokens: the reward model likely pays for "
        "length itself, beyond the lengths that anyone judged."
    )


def _repetition(history: History, config: DoctorConfig) -> str | None:
    first, now = history[0]["response/repetition"], history[-1]["response/repetition"]
    if now <= first + config.repetition_rise:
        return None
    return (
        f"{now:.0%} of the four-token runs repeat earlier ones ({first:.0%} at first): the reward "
        "model likely pays for a phrase."
    )


def _missing_eos(history: History, config: DoctorConfig) -> str | None:
    first, now = history[0]["response/eos_share"], history[-1]["response/eos_share"]
    if now >= first - config.eos_fall:
        return None
    return (
        f"Only {now:.0%} of the answers end by themselves ({first:.0%} at first): "
        "missing_eos_penalty is likely too low for what the reward model pays."
    )


def _value_divergence(history: History, config: DoctorConfig) -> str | None:
    name = "value/explained_variance"
    found = [
        row[name] for row in history[1:] if name in row
    ]  # the first update only finds its level
    if len(found) < 2 or max(found[-2:]) >= config.explained_variance:
        return None
    return (
        f"The value model explains {found[-1]:.1f} of the returns' variance, worse than their mean "
        "would: value_learning_rate is likely too high."
    )


def _hacking(history: History, config: DoctorConfig) -> str | None:
    best = max(history, key=lambda row: row["heldout/score"])
    now = history[-1]
    fell = best["heldout/score"] - now["heldout/score"]
    rose = now["objective/scores"] - best["objective/scores"]
    if fell <= config.heldout_fall * now["heldout/standard_error"] or rose <= 0:
        return None
    return (
        f"The score that is climbed rose by {rose:.2f} since update {best['update']:.0f} while the "
        f"held-out score fell by {fell:.2f}: the policy pleases the reward model, no longer people."
    )


def _before(history: History) -> Row:
    return history[-2] if len(history) > 1 else history[-1]


CHECKS: tuple[Callable[[History, DoctorConfig], str | None], ...] = (
    _not_finite,
    _negative_kl,
    _exploding_kl,
    _entropy_collapse,
    _length_drift,
    _repetition,
    _missing_eos,
    _value_divergence,
    _hacking,
)
