"""Judgements as tensors: rankings, edits and thumbs as outcomes that a score can be fitted to.

Thumbs count within a prompt alone, where one response was liked and another was not. Across prompts
they would teach which questions are hard.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

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
    weight: float
    author: str = ""
    finished: Sequence[bool] = ()  # K: which responses ended, not at a limit
    thumbs: bool = False  # whether it is made of thumbs
    implied: bool = False  # whether a signal implies it: nobody said so

    def ended(self, response: int) -> bool:
        """Whether a response ended by itself; where nothing is known, it did."""
        return self.finished[response] if self.finished else True


def preference_examples(
    tokenizer: ChatTokenizer,
    rankings: Sequence[Row],
    thumbs: Sequence[Row],
    max_tokens: int,
    thumbs_weight: float = 1.0,
    signals: Sequence[Row] = (),
) -> list[PreferenceExample]:
    """Tokenizes rows; one that is longer than ``max_tokens`` is left out.

    Args:
        rankings: {"conversation_id", "prompt": [messages], "responses": [text], "ranks", "weight",
            "finished": [bool]}; an edit is a ranking of two. "author" may be given.
        thumbs: {"conversation_id", "prompt", "response", "value", "finished": [bool]}.
        thumbs_weight: of the thumbs to one prompt, where a ranking has one.
        signals: rankings that signals imply, as ``rankings``; ties say nothing.
    """
    rows = [_example(tokenizer, row, _pairs(row["ranks"])) for row in rankings]
    for row in _siblings(thumbs, thumbs_weight):
        rows.append(replace(_example(tokenizer, row, _decided(row["ranks"])), thumbs=True))
    for row in signals:
        rows.append(replace(_example(tokenizer, row, _decided(row["ranks"])), implied=True))
    return [row for row in rows if _longest(row) <= max_tokens]


def _example(
    tokenizer: ChatTokenizer, row: Row, pairs: list[tuple[int, int, float]]
) -> PreferenceExample:
    responses = row["responses"]
    return PreferenceExample(
        conversation=row["conversation_id"],
        prompt=torch.tensor(tokenizer.prompt(row["prompt"])),
        responses=[torch.tensor(tokenizer.response(t), dtype=torch.long) for t in responses],
        pairs=pairs,
        weight=float(row.get("weight", 1.0)),
        author=row.get("author", ""),
        finished=[bool(each) for each in row.get("finished", [True] * len(responses))],
    )


def _pairs(ranks: Sequence[int]) -> list[tuple[int, int, float]]:
    return [
        (i, j, 0.5 if ranks[i] == ranks[j] else float(ranks[i] < ranks[j]))
        for i, j in itertools.combinations(range(len(ranks)), 2)
    ]


def _siblings(thumbs: Sequence[Row], weight: float) -> list[Row]:
    """Thumbs to responses of one prompt as a ranking in two places; others compare nothing."""
    prompts: dict[tuple[str, str], list[Row]] = {}
    for row in thumbs:
        prompts.setdefault((row["conversation_id"], repr(row["prompt"])), []).append(row)
    return [
        {
            "conversation_id": rows[0]["conversation_id"],
            "prompt": rows[0]["prompt"],
            "responses": [row["response"] for row in rows],
            "ranks": [1 - int(row["value"]) for row in rows],
            "finished": [all(row.get("finished", ())) for row in rows],
            "author": rows[0].get("author", ""),
            "weight": weight,
        }
        for rows in prompts.values()
        if len({row["value"] for row in rows}) > 1
    ]


def _decided(ranks: Sequence[int]) -> list[tuple[int, int, float]]:
    """Two responses that are both liked, or copied, are not said to be equally good."""
    return [pair for pair in _pairs(ranks) if pair[2] != 0.5]


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

    @classmethod
    def of(cls, rows: Sequence[PreferenceExample]) -> "PreferenceBatch":
        """Lays out rows: K-choose-2 pairs of a ranking share its weight (InstructGPT eq. 1)."""
        pairs: list[tuple[int, int, float, float]] = []
        start = 0
        for row in rows:
            share = row.weight / max(len(row.pairs), 1)
            pairs += [(start + i, start + j, p, share) for i, j, p in row.pairs]
            start += len(row.responses)
        table = torch.tensor(pairs, dtype=torch.float64).reshape(-1, 4).T
        return cls(
            first=table[0].long(),
            second=table[1].long(),
            preference=table[2].float(),
            weight=table[3].float(),
        )

    def loss(self, scores: Tensor) -> Tensor:
        """Mean cross-entropy per ranking: scores [N] -> scalar."""
        margins = scores[self.first] - scores[self.second]
        return comparison_loss(margins, self.preference, self.weight) / self.weight.sum()

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
