"""A control learns from the same responses; only the preference is taken away."""

import pytest

from training.config import IterationConfig
from training.demo.controls import CONTROLS, ProofArm, control_config, control_snapshot
from training.snapshot import Snapshot
from tutelage.tables import FeedbackKind

RANKS = [[0, 1, 2, 3], [2, 0, 0, 1], [1, 0, 3, 2], [3, 2, 1, 0]]


def ranking(number: int, kind: FeedbackKind = FeedbackKind.RANKING) -> dict[str, object]:
    return {"id": f"r{number}", "kind": kind.value, "ranks": RANKS[number % 4], "weight": 1.0}


SNAPSHOT = Snapshot(
    rankings=[*map(ranking, range(20)), ranking(20, FeedbackKind.EDIT)],
    thumbs=[{"id": f"t{n}", "value": int(n < 3)} for n in range(10)],
    demonstrations=[{"id": "d"}],
    prompts=[{"prompt": "p"}],
)


def test_what_was_taught_is_left_as_it_is() -> None:
    assert control_snapshot(SNAPSHOT, ProofArm.TAUGHT, 1) == SNAPSHOT
    config = IterationConfig()
    assert control_config(config, ProofArm.TAUGHT, 0) == config


@pytest.mark.parametrize("arm", CONTROLS)
def test_a_control_sees_the_same_responses_and_no_edit(arm: ProofArm) -> None:
    found = control_snapshot(SNAPSHOT, arm, 1)
    assert [row["id"] for row in found.rankings] == [f"r{n}" for n in range(20)]
    assert [row["id"] for row in found.thumbs] == [f"t{n}" for n in range(10)]
    assert (found.demonstrations, found.prompts) == ([], SNAPSHOT.prompts)


def test_shuffled_rankings_keep_their_ranks_but_not_their_order() -> None:
    found = control_snapshot(SNAPSHOT, ProofArm.SHUFFLED, 1)
    pairs = list(zip(found.rankings, SNAPSHOT.rankings, strict=False))
    assert all(sorted(new["ranks"]) == sorted(old["ranks"]) for new, old in pairs)
    assert sum(new["ranks"] != old["ranks"] for new, old in pairs) > 10
    assert sum(row["value"] for row in found.thumbs) == 3
    assert found == control_snapshot(SNAPSHOT, ProofArm.SHUFFLED, 1)
    assert found != control_snapshot(SNAPSHOT, ProofArm.SHUFFLED, 2)


def test_negated_rankings_are_turned_round() -> None:
    found = control_snapshot(SNAPSHOT, ProofArm.NEGATED, 1)
    assert [row["ranks"] for row in found.rankings[:3]] == [
        [3, 2, 1, 0],
        [0, 2, 2, 1],
        [2, 3, 0, 1],
    ]
    assert sum(row["value"] for row in found.thumbs) == 7


def test_without_reward_as_many_updates_are_made_and_the_last_is_kept() -> None:
    config = control_config(IterationConfig(), ProofArm.ZERO, 5)
    optimise = config.optimise
    assert (optimise.score_coef, optimise.selection, config.ppo.updates) == (0.0, "last", 5)


@pytest.mark.parametrize("arm", CONTROLS)
def test_validation_does_not_keep_a_control_from_training(arm: ProofArm) -> None:
    assert control_config(IterationConfig(), arm, 5).reward_model.min_accuracy == -1
