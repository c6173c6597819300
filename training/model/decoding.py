"""Batched decoding: prompts go in once, then one token per row and step.

``SplitDecoding`` pads prompts on the right and lets each row write at its own column of a
preallocated cache: prefill is plain causal attention without a mask, and the kept hidden states
have no holes. ``GeneralDecoding`` pads them on the left and leaves cache and masks to transformers.
"""

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from training.model.batching import buckets, causal_mask, common_prefix, pad, positions
from training.model.general_model import GeneralModel
from training.model.split_model import SplitModel

PREFILL_TOKENS = 1024  # padded tokens of one prefill pass


class Decoding:
    """Rows in flight: slot j belongs to prompt ``rows[j]``, and all states are kept by prompt."""

    def __init__(
        self, model: SplitModel, layers: nn.ModuleList, prompts: list[list[int]], new: int
    ) -> None:
        self.model, self.layers, self.prompts = model, layers, prompts
        self.device, count = model.device, len(prompts)
        self.longest = max(map(len, prompts))  # of the prompts in flight
        self.lengths = torch.tensor([len(p) for p in prompts], device=self.device)
        self.rows = torch.arange(count, device=self.device)
        states = torch.zeros(count, self.longest + new, model.width, device=self.device)
        self.hidden = states.to(model.dtype)  # [prompts, W, H] at the split
        self.final = self.hidden.new_zeros(count, model.width)  # [b, H] behind each last token

    def logits(self) -> Tensor:
        """Logits of the next token of each row in flight: [b, V]."""
        return self.model.head.product(self.final)

    def states(self, prompt: int, tokens: int) -> Tensor:
        """Hidden states at the split of a row's first tokens, prompt included: [tokens, H]."""
        return self.hidden[prompt, :tokens]

    def prefill(self) -> None:
        """Runs the prompts through trunk and top."""
        raise NotImplementedError

    def feed(self, tokens: Tensor, t: int, last: bool) -> None:
        """Runs the t-th new token of each row; ``last``: no logits will be asked for."""
        raise NotImplementedError

    def keep(self, slots: Tensor) -> None:
        """Drops all rows in flight but those in ``slots``."""
        self.rows = self.rows[slots]
        self.longest = max(len(self.prompts[i]) for i in self.rows.tolist())


class SplitDecoding(Decoding):
    """Decoding on the fast path."""

    def __init__(
        self, model: SplitModel, layers: nn.ModuleList, prompts: list[list[int]], new: int
    ) -> None:
        super().__init__(model, layers, prompts, new)
        count, width = self.hidden.shape[:2]
        self.lower = model.new_cache(model.lower, count, width)
        self.upper = model.new_cache(layers, count, width)

    def prefill(self) -> None:
        """In groups of similar length; what all prompts begin with runs once.

        Every row gets a copy of its keys and values.
        """
        common = common_prefix(self.prompts)
        self._prefill_common(common)
        order = sorted(range(len(self.prompts)), key=lambda i: len(self.prompts[i]))
        self.rows = torch.tensor(order, device=self.device)
        start = 0
        for group in buckets([len(self.prompts[i]) - common for i in order], PREFILL_TOKENS):
            self._prefill([order[i] for i in group], start, common)
            start += len(group)

    def _prefill_common(self, common: int) -> None:
        ids = torch.tensor([self.prompts[0][:common]], device=self.device)
        everyone = slice(0, len(self.prompts))
        self.lower.place(everyone, None, 0)
        self.upper.place(everyone, None, 0)
        if common:
            hidden = self.model.trunk(ids, positions(ids), self.lower)
            self.model.top(self.layers, hidden, positions(ids), self.upper)
            self.hidden[:, :common] = hidden

    def _prefill(self, prompts: list[int], start: int, common: int) -> None:
        slots = slice(start, start + len(prompts))
        rest = pad([torch.tensor(self.prompts[i][common:], device=self.device) for i in prompts])
        rows, where = self.rows[slots], positions(rest) + common
        mask = causal_mask(rest.shape[1], common, self.device)
        self.lower.place(slots, None, common)
        self.upper.place(slots, None, common)
        hidden = self.model.trunk(rest, where, self.lower, mask)
        self.hidden[rows, common : common + rest.shape[1]] = hidden
        final = self.model.top(self.layers, hidden, where, self.upper, mask)
        ends = self.lengths[rows] - 1 - common
        self.final[slots] = final[torch.arange(len(prompts), device=self.device), ends]

    def feed(self, tokens: Tensor, t: int, last: bool) -> None:
        """After the last token only the trunk is needed."""
        columns = self.lengths[self.rows] + t
        used = self.longest + t + 1
        everyone = slice(0, len(self.rows))
        self.lower.place(everyone, columns, used)
        self.upper.place(everyone, columns, used)
        seen = torch.arange(used, device=self.device) <= columns[:, None]
        mask = torch.zeros_like(seen, dtype=self.final.dtype).masked_fill_(~seen, -torch.inf)
        mask = mask[:, None, None]  # added to the scores; attention would turn a bool into this
        where = columns[:, None]
        hidden = self.model.trunk(tokens[:, None], where, self.lower, mask)
        self.hidden[self.rows, columns] = hidden[:, 0]
        if not last:
            self.final = self.model.top(self.layers, hidden, where, self.upper, mask)[:, 0]

    def keep(self, slots: Tensor) -> None:
        """Drops all rows in flight but those in ``slots``."""
        super().keep(slots)
        self.lower.keep(slots)
        self.upper.keep(slots)


class GeneralDecoding(Decoding):
    """Decoding on the general path: one pass a step through the family's own decoder."""

    model: GeneralModel

    def __init__(
        self, model: GeneralModel, layers: nn.ModuleList, prompts: list[list[int]], new: int
    ) -> None:
        super().__init__(model, layers, prompts, new)
        self.padding = self.longest - self.lengths  # columns before each prompt's first token
        self.cache = DynamicCache(config=model.model.config)

    def prefill(self) -> None:
        """All prompts at once."""
        rows = [torch.tensor(prompt, device=self.device).flip(0) for prompt in self.prompts]
        columns = torch.arange(self.longest, device=self.device)
        where = (columns - self.padding[:, None]).clamp(min=0)
        hidden, final = self._pass(pad(rows).flip(1), where, self.longest)
        for i, prompt in enumerate(self.prompts):
            self.hidden[i, : len(prompt)] = hidden[i, self.longest - len(prompt) :]
        self.final = final[:, -1]

    def feed(self, tokens: Tensor, t: int, last: bool) -> None:
        """Trunk and top, also after the last token."""
        columns = self.lengths[self.rows] + t
        width = self.cache.get_seq_length() + 1
        hidden, final = self._pass(tokens[:, None], columns[:, None], width)
        self.hidden[self.rows, columns] = hidden[:, 0]
        self.final = final[:, 0]

    def _pass(self, ids: Tensor, where: Tensor, width: int) -> tuple[Tensor, Tensor]:
        columns = torch.arange(width, device=self.device)
        real = columns >= self.padding[self.rows, None]
        return self.model.whole(self.layers, ids, where, real, self.cache)

    def keep(self, slots: Tensor) -> None:
        """Drops all rows in flight but those in ``slots``."""
        super().keep(slots)
        self.cache.reorder_cache(slots)


def decoding(
    model: SplitModel, layers: nn.ModuleList, prompts: list[list[int]], new: int
) -> Decoding:
    """The kind of decoding that the model wants; at most ``new`` tokens per prompt are fed."""
    if isinstance(model, GeneralModel):
        return GeneralDecoding(model, layers, prompts, new)
    return SplitDecoding(model, layers, prompts, new)
