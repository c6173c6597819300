"""The mathematics of reinforcement learning from human feedback, as pure tensor functions.

B = responses, T = tokens of the longest response, K = pairs, V = vocabulary, H = hidden size. A
``mask`` [B, T] is true at the tokens of a response (its end-of-sequence token included) and false
at the padding behind them. Papers: InstructGPT = Ouyang et al. 2022, arXiv 2203.02155;
PPO = Schulman et al. 2017, arXiv 1707.06347; GAE = Schulman et al. 2016, arXiv 1506.02438.
"""

import math
from typing import Any

import torch
from torch import Tensor

from training.model.frozen_linear import Head

CHUNK = 128  # rows of logits held at a time: 128 x 49152 floats are 25 MB


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` [B, T] where ``mask`` [B, T]; a scalar."""
    return (values * mask).sum() / mask.sum()


def whiten(values: Tensor, mask: Tensor, shift_mean: bool = True) -> Tensor:
    """Scales ``values`` [B, T] to unit variance over ``mask``, and to zero mean unless told not to.

    Padding comes back as zero.
    """
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean) ** 2, mask)
    whitened = (values - mean) * torch.rsqrt(variance + 1e-8)
    return (whitened if shift_mean else whitened + mean) * mask


def logprobs_and_entropy(
    hidden: Tensor, head: Head, tokens: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """log p(token) and H(p) of softmax(head(hidden) / temperature), in little memory.

    Logits exist for ``CHUNK`` rows at a time, and only what the gradient needs of them is kept.
    The gradient flows from the log-probabilities to ``hidden``; ``head`` is frozen, and the entropy
    is a measurement.

    Args: hidden [N, H], head: H -> V, tokens [N]. Returns: two tensors [N].
    """
    logprobs, entropy = _Logprobs.apply(hidden, head, tokens, temperature)
    return logprobs, entropy


class _Logprobs(torch.autograd.Function):
    """d log p(token) / d hidden = (onehot(token) - p) @ head / temperature."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Head, tokens: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        parts = [
            _chunk(rows, head, wanted, temperature, hidden.requires_grad)
            for rows, wanted in zip(hidden.split(CHUNK), tokens.split(CHUNK), strict=True)
        ]
        ctx.head = head
        ctx.slopes = [part[2] for part in parts]
        ctx.temperature = temperature
        entropy = torch.cat([part[1] for part in parts])
        ctx.mark_non_differentiable(entropy)
        return torch.cat([part[0] for part in parts]), entropy

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        scaled = (grads[0] / ctx.temperature).unsqueeze(1)
        parts = [ctx.head.transposed_product(slopes) for slopes in ctx.slopes]
        return torch.cat(parts).to(scaled.dtype).mul_(scaled), None, None, None


def _chunk(
    hidden: Tensor, head: Head, tokens: Tensor, temperature: float, keep: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """log p(token) [n], entropy [n] and, if wanted, onehot(token) - p [n, V]."""
    logits = head.product(hidden)  # [n, V]
    slope = head.slope(logits) if keep else 1.0
    logits = logits.div_(temperature)
    normaliser = logits.logsumexp(-1)
    wanted = tokens.unsqueeze(1)
    logprobs = logits.gather(1, wanted).squeeze(1) - normaliser
    p = (logits - normaliser.unsqueeze(1)).exp_()
    entropy = normaliser - torch.linalg.vecdot(p, logits)
    if not keep:
        return logprobs, entropy, None
    slopes = p.neg_().scatter_add_(1, wanted, p.new_ones(wanted.shape)).mul_(slope)
    return logprobs, entropy, slopes.to(head.back_operands)


def kl_k1(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """log(p/q) per sampled token, the unbiased estimator of KL(p, q): [B, T] -> [B, T].

    Schulman 2020, "Approximating KL divergence", k1; the penalty of InstructGPT eq. 2.
    """
    return logprobs - ref_logprobs


def kl_k3(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """(q/p - 1) - log(q/p) per sampled token: unbiased, never negative, of lower variance.

    Schulman 2020, k3. [B, T] -> [B, T].
    """
    log_ratio = ref_logprobs - logprobs
    return torch.expm1(log_ratio) - log_ratio


def kl_penalised_rewards(
    scores: Tensor, logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, kl_coef: float
) -> Tensor:
    """Reward per token: -kl_coef * log(p/q), plus the score at the response's last token.

    InstructGPT eq. 2, spread over tokens. The last token is the last one under the mask: the
    end-of-sequence token where there is one, never the padding behind it.

    Args: scores [B]; logprobs, ref_logprobs, mask [B, T]. Returns: [B, T], zero at padding.
    """
    rewards = -kl_coef * kl_k1(logprobs, ref_logprobs) * mask
    last = mask.sum(1).long() - 1
    rewards[torch.arange(len(rewards), device=rewards.device), last] += scores
    return rewards


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> Tensor:
    """Generalised advantage estimates: all [B, T], zero at padding.

    delta_t = r_t + gamma V_{t+1} - V_t and A_t = delta_t + gamma lam A_{t+1} (GAE eq. 16), with
    V = A = 0 behind the last token.
    """
    values = values * mask
    advantages = torch.zeros_like(values)
    following = torch.zeros_like(values[:, 0])  # A_{t+1}
    for t in reversed(range(values.shape[1])):
        next_value = values[:, t + 1] if t + 1 < values.shape[1] else torch.zeros_like(following)
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        following = (delta + gamma * lam * following) * mask[:, t]
        advantages[:, t] = following
    return advantages


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """How much of the returns' variance the values explain: 1 all of it, 0 no more than a mean."""
    mean = masked_mean(returns, mask)
    unexplained = masked_mean((values - returns) ** 2, mask)
    return float(1 - unexplained / masked_mean((returns - mean) ** 2, mask))


def leave_one_out(rewards: Tensor, group: int) -> Tensor:
    """Each reward less the mean of the others of its group: [B] -> [B], groups side by side.

    RLOO, Ahmadian et al. 2024, arXiv 2402.14740, eq. 7.
    """
    grouped = rewards.view(-1, group)
    others = (grouped.sum(1, keepdim=True) - grouped) / (group - 1)
    return (grouped - others).flatten()


def truncated_weights(
    logprobs: Tensor, behaviour_logprobs: Tensor, mask: Tensor, limit: float
) -> Tensor:
    """min(limit, p(y_1..y_t) / mu(y_1..y_t)) per token of what mu wrote: [B, T] -> [B, T].

    A token counts by how much likelier p than mu was to come there and write it (per-decision
    importance sampling, Precup et al. 2000); truncation trades a little bias for variance (Ionides
    2008, "Truncated importance sampling"). Zero at padding.
    """
    log_ratio = ((logprobs - behaviour_logprobs) * mask).cumsum(1)
    return log_ratio.clamp(max=math.log(limit)).exp() * mask


def sampler_weights(logprobs: Tensor, sampler_logprobs: Tensor, limit: float) -> Tensor:
    """min(limit, p(y_t) / q(y_t)) per token, p the learner's and q the sampler's: [T], [T] -> [T].

    Both are the same policy in two programs, so the ratios of one token are near 1 and those before
    it are left out, as in IMPALA's truncated weights (Espeholt et al. 2018, eq. 1).
    """
    return (logprobs - sampler_logprobs).clamp(max=math.log(limit)).exp()


def clipped_policy_loss(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, clip_range: float
) -> tuple[Tensor, Tensor]:
    """-min(ratio A, clip(ratio) A) per token, and whether the clip was what decided.

    PPO eq. 7. All [N]; returns two tensors [N].
    """
    ratio = torch.exp(logprobs - old_logprobs)
    free = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip_range, 1 + clip_range)
    return torch.maximum(free, clipped), (clipped > free).float()


def adapted_kl_coef(kl_coef: float, kl: float, target: float) -> float:
    """The penalty's next coefficient: up to 30 % more above the target KL, less below.

    Ziegler et al. 2019, arXiv 1909.08593, eq. 4, with the error clipped to 0.2. Their K_beta of 0.1
    is for thousands of updates; 1.5 lets the coefficient move tenfold within nine.
    """
    error = max(-0.2, min(0.2, kl / target - 1))
    return kl_coef * (1 + 1.5 * error)
