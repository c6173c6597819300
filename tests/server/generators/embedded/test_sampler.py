"""Tokens are drawn from the distribution that was asked for."""

import pytest
import torch
from pretend_device import OnDevice, pretended_device

from server.generators.embedded.sampler import Sampler, choose, choose_each, nucleus
from server.generators.generator import Sampling

PROBS = torch.tensor([0.1, 0.5, 0.15, 0.25])


def shares(sampling: Sampling) -> list[float]:
    """How often each token is chosen, over an even grid of the deciding number."""
    count = 2000
    chosen = [choose(PROBS.log(), sampling, (i + 0.5) / count) for i in range(count)]
    return [chosen.count(token) / count for token in range(4)]


def test_temperature_0_is_greedy() -> None:
    assert shares(Sampling(temperature=0)) == [0, 1, 0, 0]


def test_temperature_1_follows_the_policy() -> None:
    assert shares(Sampling()) == pytest.approx(PROBS.tolist(), abs=2e-3)


def test_a_low_temperature_sharpens() -> None:
    expected = PROBS**2 / (PROBS**2).sum()
    assert shares(Sampling(temperature=0.5)) == pytest.approx(expected.tolist(), abs=2e-3)


def test_the_smallest_temperature_is_as_good_as_greedy() -> None:
    assert shares(Sampling(temperature=1e-300)) == [0, 1, 0, 0]


def test_top_p_keeps_the_fewest_that_reach_it() -> None:
    assert shares(Sampling(top_p=0.7)) == pytest.approx([0, 2 / 3, 0, 1 / 3], abs=2e-3)


def test_top_p_always_keeps_one() -> None:
    assert shares(Sampling(top_p=0.0)) == [0, 1, 0, 0]


def test_a_flat_distribution_needs_more_than_the_first_candidates() -> None:
    probs, ids = nucleus(torch.full((5000,), 1 / 5000), 0.9)
    assert len(ids) == pytest.approx(4500, abs=2)
    assert float(probs.sum()) == pytest.approx(0.9, abs=1e-3)


def test_impossible_tokens_are_never_chosen() -> None:
    logprobs = torch.tensor([0.0, 1.0, 0.0]).log()
    assert {choose(logprobs, Sampling(), u) for u in (0.0, 0.5, 0.9999999)} == {1}


def test_top_k_keeps_the_likeliest() -> None:
    assert shares(Sampling(top_k=2)) == pytest.approx([0, 2 / 3, 0, 1 / 3], abs=2e-3)


def test_a_bias_moves_a_tokens_chances() -> None:
    sampler = Sampler(Sampling(temperature=0, logit_bias={2: 5.0, 900: 100.0}))
    assert sampler.choose(PROBS.log()) == 2


def test_a_presence_penalty_holds_back_what_was_said() -> None:
    sampler = Sampler(Sampling(temperature=0, presence_penalty=1.0))
    assert [sampler.choose(PROBS.log()) for _ in range(3)] == [1, 3, 1]


def test_a_frequency_penalty_grows_with_every_time() -> None:
    sampler = Sampler(Sampling(temperature=0, frequency_penalty=0.6))
    assert [sampler.choose(PROBS.log()) for _ in range(4)] == [1, 1, 3, 1]


def test_a_repetition_penalty_divides_positive_logits_and_multiplies_negative_ones() -> None:
    logits = torch.tensor([2.0, 1.5, -1.0, -1.1])
    sampler = Sampler(Sampling(temperature=0, repetition_penalty=2.0), prompt=[2])
    normalizer = float(logits.logsumexp(-1))
    chosen = [sampler.choose(logits.log_softmax(-1), normalizer) for _ in range(4)]
    assert chosen == [0, 1, 0, 0]  # 2; 1.5; then 1 against .75, -1.1 and -2
    negative = torch.tensor([-1.0, -1.5, -3.0])
    sampler = Sampler(Sampling(temperature=0, repetition_penalty=2.0), prompt=[0])
    assert sampler.choose(negative.log_softmax(-1), float(negative.logsumexp(-1))) == 1


def test_min_p_drops_what_is_far_below_the_most_probable() -> None:
    expected = [0, 2 / 3, 0, 1 / 3]
    assert shares(Sampling(min_p=0.4)) == pytest.approx(expected, abs=2e-3)
    assert shares(Sampling(min_p=1.0)) == [0, 1, 0, 0]


def test_min_p_applies_after_the_temperature() -> None:
    kept = [share > 0 for share in shares(Sampling(temperature=2.0, min_p=0.5))]
    assert kept == [False, True, True, True]  # square roots: .447, 1, .548, .707 of the largest


MIXED = [
    Sampling(),
    Sampling(temperature=0),
    Sampling(temperature=0.5),
    Sampling(top_p=0.7),
    Sampling(top_p=0.0),
    Sampling(top_k=2),
    Sampling(min_p=0.4),
    Sampling(temperature=2.0, min_p=0.5),
    Sampling(temperature=0.8, top_p=0.9, top_k=3),
]


def test_rows_sampled_together_follow_the_distributions_of_rows_alone() -> None:
    count = 2000
    asked = [(each, (i + 0.5) / count) for i in range(count) for each in MIXED]
    chosen = choose_each(PROBS.log().expand(len(asked), -1), asked).view(count, len(MIXED))
    for row, sampling in enumerate(MIXED):
        found = (torch.bincount(chosen[:, row], minlength=4) / count).tolist()
        assert found == pytest.approx(shares(sampling), abs=2e-3), sampling


def test_together_impossible_tokens_are_never_chosen() -> None:
    logprobs = torch.tensor([[0.0, 1.0, 0.0]]).log()
    largest = 1 - 2.0**-53
    found = {int(choose_each(logprobs, [(Sampling(), u)])) for u in (0.0, 0.5, largest)}
    assert found == {1}


@pytest.mark.parametrize(
    ("sampling", "independent"),
    [
        (Sampling(temperature=0.7, top_p=0.9, top_k=5, min_p=0.1), True),
        (Sampling(presence_penalty=0.1), False),
        (Sampling(frequency_penalty=-0.1), False),
        (Sampling(repetition_penalty=1.1), False),
        (Sampling(logit_bias={1: 2.0}), False),
    ],
)
def test_what_was_said_before_keeps_a_row_for_itself(sampling: Sampling, independent: bool) -> None:
    assert Sampler(sampling).independent == independent


def test_rows_are_sampled_together_on_their_device() -> None:
    asked = [(Sampling(temperature=0), 0.5), (Sampling(top_p=0.7, top_k=3, min_p=0.1), 0.9)]
    rows = PROBS.log().repeat(2, 1)
    with pretended_device() as device:
        found = choose_each(rows.to(device), asked)
    assert isinstance(found, OnDevice)
    assert found.held.tolist() == choose_each(rows, asked).tolist()
