"""Judgements as tensors: rankings, edits and thumbs as outcomes that a score can be fitted to."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.model.tokenizer import ChatTokenizer
from training.reward.loss import comparison_loss

Row = Mapping[str, Any]


@dataclass(frozen=True)
class PreferenceExample:
    """One prompt, its judged responses and the outcomes between them."""

    conversation: str
    prompt: Tensor  # [P] ids
    responses: list[Tensor]  # K x [T] ids, without EOS
    pairs: list[tuple[int, int, float]]  # i, j, preference: 1 = i won, 0.5 = tie
    thumb: float | None  # for a single response: 1 up, 0 down
    weight: float
    author: str = ""
    finished: Sequence[bool] = ()  # K: which responses ended, not at a limit

    def ended(self, response: int) -> bool:
        """Whether a response ended by itself; where nothing is known, it did."""
        return self.finished[response] if self.finished else True


def preference_examples(
    tokenizer: ChatTokenizer, rankings: Sequence[Row], thumbs: Sequence[Row], max_tokens: int
) -> list[PreferenceExample]:
    """Tokenizes rows; one that is longer than ``max_tokens`` is left out.

    Args:
        rankings: {"conversation_id", "prompt": [messages], "responses": [text], "ranks", "weight",
            "finished": [bool]}; an edit is a ranking of two. "author" may be given.
        thumbs: {"conversation_id", "prompt", "response", "value", "finished": [bool]}.
    """
    rows = [
        _example(tokenizer, row, row["responses"], _pairs(row["ranks"]), None) for row in rankings
    ]
    rows += [_example(tokenizer, row, [row["response"]], [], float(row["value"])) for row in thumbs]
    return [row for row in rows if _longest(row) <= max_tokens]


def _example(
    tokenizer: ChatTokenizer,
    row: Row,
    responses: Sequence[str],
    pairs: list[tuple[int, int, float]],
    thumb: float | None,
) -> PreferenceExample:
    return PreferenceExample(
        conversation=row["conversation_id"],
        prompt=torch.tensor(tokenizer.prompt(row["prompt"])),
        responses=[torch.tensor(tokenizer.response(t), dtype=torch.long) for t in responses],
        pairs=pairs,
        thumb=thumb,
        weight=float(row.get("weight", 1.0)),
        author=row.get("author", ""),
        finished=[bool(each) for each in row.get("finished", [True] * len(responses))],
    )


def _pairs(ranks: Sequence[int]) -> list[tuple[int, int, float]]:
    return [
        (i, j, 0.5 if ranks[i] == ranks[j] else float(ranks[i] < ranks[j]))
        for i, j in itertools.combinations(range(len(ranks)), 2)
    ]


def _longest(row: PreferenceExample) -> int:
    return len(row.prompt) + max(len(response) for response in row.responses)


def folds_of(rows: Sequence[PreferenceExample], count: int) -> list[int]:
    """A fold for each row, whole conversations together, dealt out in order of appearance."""
    seen = {name: i for i, name in enumerate(dict.fromkeys(row.conversation for row in rows))}
    return [seen[row.conversation] % count for row in rows]


@dataclass(frozen=True)
class PreferenceBatch:
    """All judgements of some rows, over the rows' responses laid end to end (N in all)."""

    first: Tensor  # [M] index of a pair's one response
    second: Tensor  # [M] and of its other
    preference: Tensor  # [M] 1 = first won, 0.5 = tie, 0 = second won
    weight: Tensor  # [M], summing to the row's weight per ranking
    thumbed: Tensor  # [U] index of a response with a thumb
    thumb: Tensor  # [U] 1 up, 0 down

    @classmethod
    def of(cls, rows: Sequence[PreferenceExample]) -> "PreferenceBatch":
        """Lays out rows: K-choose-2 pairs of a ranking share its weight (InstructGPT eq. 1)."""
        pairs: list[tuple[int, int, float, float]] = []
        thumbs: list[tuple[int, float]] = []
        start = 0
        for row in rows:
            share = row.weight / max(len(row.pairs), 1)
            pairs += [(start + i, start + j, p, share) for i, j, p in row.pairs]
            thumbs += [(start, row.thumb)] if row.thumb is not None else []
            start += len(row.responses)
        table = torch.tensor(pairs, dtype=torch.float64).reshape(-1, 4).T
        marks = torch.tensor(thumbs, dtype=torch.float64).reshape(-1, 2).T
        return cls(
            first=table[0].long(),
            second=table[1].long(),
            preference=table[2].float(),
            weight=table[3].float(),
            thumbed=marks[0].long(),
            thumb=marks[1].float(),
        )

    def loss(self, scores: Tensor, thumb_bias: Tensor, thumbs_weight: float) -> Tensor:
        """Mean cross-entropy per ranking and per thumb: scores [N] -> scalar."""
        margins = scores[self.first] - scores[self.second]
        total = comparison_loss(margins, self.preference, self.weight)
        total = total + thumbs_weight * functional.binary_cross_entropy_with_logits(
            scores[self.thumbed] + thumb_bias, self.thumb, reduction="sum"
        )
        return total / (self.weight.sum() + thumbs_weight * len(self.thumb))

    @property
    def decided(self) -> Tensor:
        """Which pairs are not a tie: [M]."""
        return self.preference != 0.5

    @property
    def winners(self) -> Tensor:
        """The index of the preferred response, per decided pair: [M]."""
        return torch.where(self.preference > 0.5, self.first, self.second)[self.decided]

    @property
    def losers(self) -> Tensor:
        """The index of the other response, per decided pair: [M]."""
        return torch.where(self.preference > 0.5, self.second, self.first)[self.decided]

    def length_matched(self, lengths: Tensor) -> Tensor:
        """Per pair that is not a tie: whether the shorter response has at least 4/5 of the longer.

        lengths [N] -> one per decided pair.
        """
        first, second = lengths[self.first][self.decided], lengths[self.second][self.decided]
        return torch.minimum(first, second) >= 0.8 * torch.maximum(first, second)

    def right(self, scores: Tensor) -> Tensor:
        """Per pair that is not a tie: 1 where the winner scores higher, 0.5 where equal, else 0."""
        return 0.5 + 0.5 * torch.sign(self.margins(scores))

    def margins(self, scores: Tensor) -> Tensor:
        """By how much the winner scores higher, per pair that is not a tie: scores [N] -> [M]."""
        ahead = torch.sign(self.preference - 0.5) * (scores[self.first] - scores[self.second])
        return ahead[self.decided]
