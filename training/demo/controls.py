"""Controls: the same judgements with the cause, people's preference, taken away.

An arm is what an iteration learns from. A gain that a control has too was not taught.
"""

import random
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import assert_never

from training.config import IterationConfig
from training.snapshot import Row, Snapshot
from tutelage.tables import FeedbackKind


class ProofArm(StrEnum):
    """What the judgements of one teaching are turned into."""

    TAUGHT = "taught"  # as they were given
    ZERO = "zero reward"  # the score counts nothing: what training does by itself
    SHUFFLED = "shuffled"  # each ranking in a random order
    NEGATED = "negated"  # each ranking turned round


CONTROLS = tuple(arm for arm in ProofArm if arm != ProofArm.TAUGHT)


def control_snapshot(snapshot: Snapshot, arm: ProofArm, seed: int) -> Snapshot:
    """The snapshot as the arm learns from it; controls have no edits, which hold the taste."""
    noise = random.Random(f"{seed}/{arm}")
    match arm:
        case ProofArm.TAUGHT:
            return snapshot
        case ProofArm.ZERO:
            return _without_edits(snapshot)
        case ProofArm.SHUFFLED:
            bare = _without_edits(snapshot)
            values = [row["value"] for row in bare.thumbs]
            noise.shuffle(values)
            return replace(
                bare,
                rankings=[row | {"ranks": _shuffled(row["ranks"], noise)} for row in bare.rankings],
                thumbs=_with_values(bare.thumbs, values),
            )
        case ProofArm.NEGATED:
            bare = _without_edits(snapshot)
            return replace(
                bare,
                rankings=[row | {"ranks": _reversed(row["ranks"])} for row in bare.rankings],
                thumbs=_with_values(bare.thumbs, [1 - row["value"] for row in bare.thumbs]),
            )
    assert_never(arm)


def control_config(config: IterationConfig, arm: ProofArm, updates: int) -> IterationConfig:
    """The settings of an arm; ``updates`` is how many the taught policy kept.

    Without a score there is no peak to select, so that control makes as many updates and keeps the
    last. A control is trained whatever the validation of its reward model says.
    """
    if arm == ProofArm.TAUGHT:
        return config
    trained = replace(config, reward_model=replace(config.reward_model, min_accuracy=-1.0))
    if arm != ProofArm.ZERO:
        return trained
    return replace(
        trained,
        optimise=replace(config.optimise, score_coef=0.0, selection="last"),
        ppo=replace(config.ppo, updates=updates),
    )


def _without_edits(snapshot: Snapshot) -> Snapshot:
    rankings = [row for row in snapshot.rankings if row["kind"] != FeedbackKind.EDIT]
    return replace(snapshot, rankings=rankings, demonstrations=[])


def _shuffled(ranks: list[int], noise: random.Random) -> list[int]:
    return noise.sample(ranks, len(ranks))


def _reversed(ranks: list[int]) -> list[int]:
    return [max(ranks) + min(ranks) - rank for rank in ranks]


def _with_values(thumbs: Iterable[Row], values: Iterable[int]) -> list[Row]:
    return [row | {"value": value} for row, value in zip(thumbs, values, strict=True)]
