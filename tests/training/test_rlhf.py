import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, kl_divergence

from training import rlhf
from training.model.frozen_linear import Head


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def lengths_mask(*lengths: int) -> Tensor:
    width = max(lengths)
    return torch.tensor([[t < n for t in range(width)] for n in lengths])


@pytest.mark.parametrize("rows", [1, rlhf.CHUNK, rlhf.CHUNK + 3])
def test_logprobs_without_kept_logits_equal_plain_ones(
    rows: int, generator: torch.Generator
) -> None:
    hidden = torch.randn(rows, 5, generator=generator, dtype=torch.float64)
    head = torch.randn(11, 5, generator=generator, dtype=torch.float64)
    tokens = torch.randint(11, (rows,), generator=generator)
    logprobs, entropy = rlhf.logprobs_and_entropy(hidden, Head(head), tokens, 0.7)
    exact = Categorical(logits=hidden @ head.T / 0.7)
    torch.testing.assert_close((logprobs, entropy), (exact.log_prob(tokens), exact.entropy()))


def test_logprobs_without_kept_logits_have_the_right_gradient(generator: torch.Generator) -> None:
    hidden = torch.randn(6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    head = torch.randn(11, 5, generator=generator, dtype=torch.float64)
    tokens = torch.randint(11, (6,), generator=generator)
    assert torch.autograd.gradcheck(
        lambda h: rlhf.logprobs_and_entropy(h, Head(head), tokens, 0.7)[0], (hidden,)
    )


def test_kl_estimators_average_to_the_kl(generator: torch.Generator) -> None:
    p, q = (Categorical(logits=torch.randn(6, generator=generator)) for _ in range(2))
    tokens = torch.arange(6)
    weights = p.probs
    exact = kl_divergence(p, q)
    for estimator in (rlhf.kl_k1, rlhf.kl_k3):
        each = estimator(p.log_prob(tokens), q.log_prob(tokens))
        torch.testing.assert_close((weights * each).sum(), exact)


def test_k3_is_never_negative(generator: torch.Generator) -> None:
    a, b = torch.randn(2, 100, generator=generator)
    assert (rlhf.kl_k3(a, b) >= 0).all()


def test_the_score_lands_on_the_last_token_and_nowhere_else() -> None:
    mask = lengths_mask(3, 1)
    zeros = torch.zeros(2, 3)
    rewards = rlhf.kl_penalised_rewards(torch.tensor([5.0, 7.0]), zeros, zeros, mask, 0.1)
    torch.testing.assert_close(rewards, torch.tensor([[0.0, 0.0, 5.0], [7.0, 0.0, 0.0]]))


def test_each_token_pays_for_its_own_kl() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, 9.0]])
    ref = torch.tensor([[-1.5, -1.0, 0.0]])
    mask = torch.tensor([[True, True, False]])
    rewards = rlhf.kl_penalised_rewards(torch.tensor([1.0]), logprobs, ref, mask, 0.1)
    torch.testing.assert_close(rewards, torch.tensor([[-0.05, 0.1 + 1.0, 0.0]]))


def gae_by_hand(
    rewards: Tensor, values: Tensor, lengths: list[int], gamma: float, lam: float
) -> Tensor:
    """GAE as the paper's sum: A_t = sum_l (gamma lam)^l delta_{t+l}."""
    advantages = torch.zeros_like(rewards)
    for i, n in enumerate(lengths):
        after = [*values[i, :n].tolist(), 0.0]
        deltas = [float(rewards[i, t]) + gamma * after[t + 1] - after[t] for t in range(n)]
        for t in range(n):
            advantages[i, t] = sum((gamma * lam) ** k * d for k, d in enumerate(deltas[t:]))
    return advantages


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.5), (1.0, 0.0), (1.0, 1.0)])
def test_advantages_equal_the_papers_sum(
    gamma: float, lam: float, generator: torch.Generator
) -> None:
    lengths = [5, 1, 3]
    mask = lengths_mask(*lengths)
    rewards = torch.randn(3, 5, generator=generator) * mask
    values = torch.randn(3, 5, generator=generator)
    expected = gae_by_hand(rewards, values, lengths, gamma, lam)
    torch.testing.assert_close(rlhf.gae(rewards, values, mask, gamma, lam), expected)


def test_what_stands_behind_the_last_token_changes_no_advantage(
    generator: torch.Generator,
) -> None:
    mask = lengths_mask(2, 4)
    rewards, values = torch.randn(2, 2, 4, generator=generator)
    clean = rlhf.gae(rewards * mask, values * mask, mask, 1.0, 0.95)
    dirty = rlhf.gae(rewards * mask, values + 100 * ~mask, mask, 1.0, 0.95)
    torch.testing.assert_close(clean, dirty)


def test_whitened_values_have_mean_zero_and_variance_one(generator: torch.Generator) -> None:
    mask = lengths_mask(4, 2)
    white = rlhf.whiten(torch.randn(2, 4, generator=generator) * 3 + 5, mask)
    assert white[mask].mean().abs() < 1e-5
    assert abs(white[mask].var(correction=0) - 1) < 1e-4
    assert (white[~mask] == 0).all()


def test_whitening_can_leave_the_mean() -> None:
    values, mask = torch.tensor([[1.0, 3.0]]), torch.ones(1, 2)
    white = rlhf.whiten(values, mask, shift_mean=False)
    torch.testing.assert_close(white, torch.tensor([[1.0, 3.0]]), atol=1e-5, rtol=0)


def test_importance_weights_are_products_of_ratios_up_to_each_token_and_truncated() -> None:
    now = torch.tensor([[0.2, 0.9, 0.5, 0.3], [0.1, 0.5, 0.4, 1.0]]).log()
    then = torch.tensor([[0.4, 0.3, 0.5, 0.6], [0.2, 0.5, 0.5, 1.0]]).log()
    mask = torch.tensor([[True] * 4, [True, True, True, False]])
    expected = [[0.5, 1.5, 1.5, 0.75], [0.5, 0.5, 0.4, 0.0]]
    for limit in (1.0, 1.2, 2.0):
        weights = rlhf.truncated_weights(now, then, mask, limit)
        torch.testing.assert_close(weights, torch.tensor(expected).clamp(max=limit))


def test_policy_loss_is_clipped_only_where_it_would_gain() -> None:
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5])
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])
    loss, clipped = rlhf.clipped_policy_loss(ratio.log(), torch.zeros(4), advantages, 0.2)
    torch.testing.assert_close(loss, torch.tensor([-1.2, 1.5, -0.5, 0.8]))
    assert clipped.tolist() == [1.0, 0.0, 0.0, 1.0]


def test_explained_variance_is_one_for_the_returns_and_zero_for_their_mean() -> None:
    returns, mask = torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[True, True, False]])
    assert rlhf.explained_variance(returns, returns, mask) == pytest.approx(1.0)
    assert rlhf.explained_variance(returns * 0 + 1.5, returns, mask) == pytest.approx(0.0)


def test_a_controller_can_act_within_a_dozen_updates() -> None:
    coef = 0.05
    for _ in range(12):
        coef = rlhf.adapted_kl_coef(coef, 12.0, 3.0)
    assert coef > 1.0


@pytest.mark.parametrize(("kl", "factor"), [(6.0, 1.0), (600.0, 1.3), (0.0, 0.7), (6.6, 1.15)])
def test_the_kl_coefficient_moves_towards_its_target(kl: float, factor: float) -> None:
    assert rlhf.adapted_kl_coef(0.1, kl, 6.0) == pytest.approx(0.1 * factor)


def test_each_reward_is_compared_with_the_others_of_its_group() -> None:
    advantages = rlhf.leave_one_out(torch.tensor([1.0, 2.0, 6.0, 5.0, 5.0, 5.0]), 3)
    torch.testing.assert_close(advantages, torch.tensor([-3.0, -1.5, 4.5, 0.0, 0.0, 0.0]))
