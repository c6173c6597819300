"""Samples responses in one batch, keeping what scoring and updates need of every token.

The sampler's log-probabilities and the trunk's hidden states at the split come along, so the lower
layers run once per token and never again. Prompts are padded on the right and each row writes at
its own column of a preallocated cache: prefill is plain causal attention without a mask, and the
kept hidden states have no holes. Rows that are done are dropped from the batch.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.model.batching import buckets, causal_mask, common_prefix, pad, positions
from training.model.split_model import SplitModel

PREFILL_TOKENS = 1024  # padded tokens of one prefill pass
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
            its number by inverse transform sampling, so it does not depend on the other rows.
    """
    batch = _Batch(model, layers, prompts, sampling)
    batch.prefill()
    for t in range(sampling.max_new_tokens):
        batch.write(*_draw(batch.logits(), random_uniforms[batch.rows, t], sampling.temperature), t)
        if not batch.active.any():
            break
        batch.feed(t, last=t + 1 == sampling.max_new_tokens)
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
    """The rows in flight: slot j of the caches belongs to prompt ``rows[j]``.

    A row that has ended may stay for a while, inactive; what it still writes is never read.
    """

    def __init__(
        self,
        model: SplitModel,
        layers: nn.ModuleList,
        prompts: list[list[int]],
        sampling: RolloutSampling,
    ) -> None:
        self.model, self.layers, self.prompts, self.sampling = model, layers, prompts, sampling
        count, new = len(prompts), sampling.max_new_tokens
        self.common = common_prefix(prompts)
        device = model.device
        self.lengths = torch.tensor([len(p) for p in prompts], device=device)
        self.eos = torch.tensor(sorted(sampling.eos_ids), device=device)
        width = int(self.lengths.max()) + new
        self.hidden = torch.zeros(count, width, model.width, device=device, dtype=model.dtype)
        self.tokens = torch.zeros(count, new, dtype=torch.long, device=device)
        self.logprobs = torch.zeros(count, new, device=device)
        self.counts = torch.full((count,), new, device=device)
        self.finished = torch.zeros(count, dtype=torch.bool, device=device)
        self.rows = torch.arange(count, device=device)
        self.active = torch.ones(count, dtype=torch.bool, device=device)
        self.final = torch.zeros(count, model.width, device=device, dtype=model.dtype)
        self.lower = model.new_cache(model.lower, count, width)
        self.upper = model.new_cache(layers, count, width)

    def prefill(self) -> None:
        """Runs the prompts, in groups of similar length, through trunk and top.

        What they all begin with runs once; every row gets a copy of its keys and values.
        """
        self._prefill_common()
        order = sorted(range(len(self.prompts)), key=lambda i: len(self.prompts[i]))
        self.rows = torch.tensor(order, device=self.hidden.device)
        start = 0
        for group in buckets([len(self.prompts[i]) - self.common for i in order], PREFILL_TOKENS):
            self._prefill(slice(start, start + len(group)))
            start += len(group)

    def _prefill_common(self) -> None:
        ids = torch.tensor([self.prompts[0][: self.common]], device=self.hidden.device)
        everyone = slice(0, len(self.prompts))
        self.lower.place(everyone, None, 0)
        self.upper.place(everyone, None, 0)
        if self.common:
            hidden = self.model.trunk(ids, positions(ids), self.lower)
            self.model.top(self.layers, hidden, positions(ids), self.upper)
            self.hidden[:, : self.common] = hidden

    def _prefill(self, slots: slice) -> None:
        rows, common = self.rows[slots], self.common
        ids = [torch.tensor(self.prompts[i][common:], device=rows.device) for i in rows.tolist()]
        rest = pad(ids)
        where = positions(rest) + common
        mask = causal_mask(rest.shape[1], common).to(rest.device)
        self.lower.place(slots, None, common)
        self.upper.place(slots, None, common)
        hidden = self.model.trunk(rest, where, self.lower, mask)
        self.hidden[rows, common : common + rest.shape[1]] = hidden
        final = self.model.top(self.layers, hidden, where, self.upper, mask)
        self.final[slots] = final[torch.arange(len(rows)), self.lengths[rows] - 1 - common]

    def logits(self) -> Tensor:
        """Logits of the next token for each row that still writes: [b, V]."""
        return self.model.head.product(self.final)

    def write(self, tokens: Tensor, logprobs: Tensor, t: int) -> None:
        """Records the t-th tokens; rows that ended are taken out once they are many."""
        self.tokens[self.rows, t] = tokens
        self.logprobs[self.rows, t] = logprobs
        ended = torch.isin(tokens, self.eos) & self.active
        self.finished[self.rows[ended]] = True
        self.counts[self.rows[ended]] = t + 1
        self.active &= ~ended
        if self.active.float().mean() < SHRINK:
            self._shrink()

    def _shrink(self) -> None:
        keep = self.active.nonzero().squeeze(1)
        self.lower.keep(keep)
        self.upper.keep(keep)
        self.rows, self.active = self.rows[keep], self.active[keep]

    def feed(self, t: int, last: bool) -> None:
        """Feeds the t-th tokens; after the last one only the trunk is needed."""
        columns = self.lengths[self.rows] + t
        used = int(columns.max()) + 1
        everyone = slice(0, len(self.rows))
        self.lower.place(everyone, columns, used)
        self.upper.place(everyone, columns, used)
        seen = torch.arange(used, device=columns.device) <= columns[:, None]
        mask = torch.zeros_like(seen, dtype=self.final.dtype).masked_fill_(~seen, -torch.inf)
        mask = mask[:, None, None]  # added to the scores; attention would turn a bool into this
        ids, where = self.tokens[self.rows, t, None], columns[:, None]
        hidden = self.model.trunk(ids, where, self.lower, mask)
        self.hidden[self.rows, columns] = hidden[:, 0]
        if not last:
            self.final = self.model.top(self.layers, hidden, where, self.upper, mask)[:, 0]

    def episodes(self) -> list[Episode]:
        """All rows in the order of the prompts, cut to their lengths."""
        return [self._episode(i) for i in range(len(self.prompts))]

    def _episode(self, i: int) -> Episode:
        length, count, finished = (int(x[i]) for x in (self.lengths, self.counts, self.finished))
        return Episode(
            prompt=torch.tensor(self.prompts[i], device=self.hidden.device),
            response=self.tokens[i, :count].clone(),
            logprobs=self.logprobs[i, :count].clone(),
            hidden=self.hidden[i, : length + count - finished].clone(),
            finished=bool(finished),
        )
