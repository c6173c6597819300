"""Samples responses in one batch, keeping what scoring and updates need of every token.

The sampler's log-probabilities and the trunk's hidden states at the split come along, so the lower
layers run once per token and never again. Rows that are done are dropped from the batch.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import parallel
from training.model.decoding import decoding
from training.model.split_model import SplitModel

SHRINK = 0.8  # the cache is compacted when fewer than this share of its rows still write


@dataclass(frozen=True)
class Episode:
    """One prompt and the response that was sampled for it.

    T counts the response's tokens. A finished response ends with an end-of-sequence token, which
    is never fed back, so it has no hidden state of its own.
    """

    prompt: Tensor  # [P] token ids
    response: Tensor  # [T] token ids, EOS included if finished
    logprobs: Tensor  # [T] under the sampler, at its temperature
    hidden: Tensor  # [P + T - finished, H] at the split
    finished: bool
    behaviour_logprobs: Tensor | None = None  # [T] of the policy that wrote it, where another did
    sampler_logprobs: Tensor | None = None  # [T] where another program sampled this policy

    @property
    def words(self) -> Tensor:
        """The response without its EOS: [T - finished]."""
        return self.response[: len(self.response) - self.finished]


@dataclass(frozen=True)
class RolloutSampling:
    """How responses are drawn; temperature 0 takes the likeliest token."""

    temperature: float
    max_new_tokens: int
    eos_ids: Collection[int]


@torch.no_grad()
def sample(
    model: SplitModel,
    layers: nn.ModuleList,
    prompts: list[list[int]],
    random_uniforms: Tensor,
    sampling: RolloutSampling,
) -> list[Episode]:
    """Samples one response per prompt.

    Args:
        layers: the top that samples, LoRA merged.
        random_uniforms: [prompts, max_new_tokens], each in [0, 1). Row i's t-th token is found from
            its number by inverse transform sampling, so it does not depend on the other rows or on
            the rank that samples it.
    """

    def work(rows: Sequence[int]) -> list[Episode]:
        return _sample(model, layers, [prompts[i] for i in rows], random_uniforms[rows], sampling)

    return parallel.shared(range(len(prompts)), work, lambda i: len(prompts[i]))


def _sample(
    model: SplitModel,
    layers: nn.ModuleList,
    prompts: list[list[int]],
    random_uniforms: Tensor,
    sampling: RolloutSampling,
) -> list[Episode]:
    """The responses of this rank."""
    batch = _Batch(model, layers, prompts, sampling)
    for t in range(sampling.max_new_tokens):
        tokens, logprobs = _draw(
            batch.decoding.logits(), random_uniforms[batch.decoding.rows, t], sampling.temperature
        )
        if not batch.write(tokens, logprobs, t):
            break
    return batch.episodes()


def _draw(logits: Tensor, random_uniforms: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Tokens and their log-probabilities: logits [b, V], random_uniforms [b] -> [b], [b]."""
    if temperature == 0:
        return logits.argmax(-1), logits.new_zeros(len(logits))
    log_p = torch.log_softmax(logits.div_(temperature), -1)
    cumulative = log_p.exp().cumsum_(-1)
    wanted = random_uniforms.unsqueeze(1) * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, wanted, right=True).clamp_(max=logits.shape[1] - 1)
    return tokens.squeeze(1), log_p.gather(1, tokens).squeeze(1)


class _Batch:
    """What the rows have written so far.

    A row that has ended may stay for a while, inactive; what it still writes is never read.
    """

    def __init__(
        self,
        model: SplitModel,
        layers: nn.ModuleList,
        prompts: list[list[int]],
        sampling: RolloutSampling,
    ) -> None:
        self.prompts, self.new = prompts, sampling.max_new_tokens
        self.decoding = decoding(model, layers, prompts, self.new)
        count, device = len(prompts), model.device
        self.eos = torch.tensor(sorted(sampling.eos_ids), device=device)
        self.tokens = torch.zeros(count, self.new, dtype=torch.long, device=device)
        self.logprobs = torch.zeros(count, self.new, device=device)
        self.counts = torch.full((count,), self.new, device=device)
        self.finished = torch.zeros(count, dtype=torch.bool, device=device)
        self.decoding.prefill()

    def write(self, tokens: Tensor, logprobs: Tensor, t: int) -> bool:
        """Records the t-th tokens and feeds them; rows that ended go once they are many.

        Returns: whether any row still writes. That is the one time a step waits for the device.
        """
        rows = self.decoding.rows
        self.tokens[rows, t] = tokens
        self.logprobs[rows, t] = logprobs
        ended = torch.isin(tokens, self.eos)
        done = self.finished[rows]
        self.counts[rows] = torch.where(ended & ~done, t + 1, self.counts[rows])
        self.finished[rows] = done | ended
        writing = int((~self.finished[rows]).sum())
        if not writing:
            return False
        if writing < SHRINK * len(rows):
            slots = (~self.finished[rows]).nonzero().squeeze(1)
            self.decoding.keep(slots)
            tokens = tokens[slots]
        self.decoding.feed(tokens, t, last=t + 1 == self.new)
        return True

    def episodes(self) -> list[Episode]:
        """All rows in the order of the prompts, cut to their lengths."""
        facts = zip(self.prompts, self.counts.tolist(), self.finished.tolist(), strict=True)
        return [
            Episode(
                prompt=torch.tensor(prompt, device=self.tokens.device),
                response=self.tokens[i, :count].clone(),
                logprobs=self.logprobs[i, :count].clone(),
                hidden=self.decoding.states(i, len(prompt) + count - finished).clone(),
                finished=finished,
            )
            for i, (prompt, count, finished) in enumerate(facts)
        ]
