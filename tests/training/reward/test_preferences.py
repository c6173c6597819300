import math
from pathlib import Path

import pytest
import torch

from training.model.tokenizer import ChatTokenizer
from training.reward.preferences import (
    PreferenceBatch,
    PreferenceExample,
    folds_of,
    preference_examples,
)


def ranked(conversation: str, ranks: list[int], weight: float = 1.0) -> dict[str, object]:
    return {
        "conversation_id": conversation,
        "prompt": [{"role": "user", "content": "Hi"}],
        "responses": ["word " * (i + 1) for i in range(len(ranks))],
        "ranks": ranks,
        "weight": weight,
    }


def thumbed(value: int, response: str = "yes", conversation: str = "t") -> dict[str, object]:
    return {
        "conversation_id": conversation,
        "prompt": [{"role": "user", "content": "Hi"}],
        "response": response,
        "value": value,
    }


@pytest.fixture
def tokenizer(tiny_policy: Path) -> ChatTokenizer:
    return ChatTokenizer(tiny_policy)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_a_ranking_gives_all_its_pairs_with_ties(tokenizer: ChatTokenizer) -> None:
    (row,) = preference_examples(tokenizer, [ranked("a", [0, 1, 1, 2])], [], 512)
    assert row.pairs == [
        (0, 1, 1.0), (0, 2, 1.0), (0, 3, 1.0), (1, 2, 0.5), (1, 3, 1.0), (2, 3, 1.0),
    ]  # fmt: skip


def test_thumbs_compare_the_responses_to_one_prompt(tokenizer: ChatTokenizer) -> None:
    thumbs = [thumbed(1), thumbed(0, "no"), thumbed(1, "maybe"), thumbed(0, conversation="u")]
    (row,) = preference_examples(tokenizer, [], thumbs, 512, thumbs_weight=0.5)
    assert row.pairs == [(0, 1, 1.0), (1, 2, 0.0)]  # the two that are liked are not a tie
    assert (row.conversation, row.weight, row.thumbs) == ("t", 0.5, True)


def test_thumbs_to_different_prompts_compare_nothing(tokenizer: ChatTokenizer) -> None:
    thumbs = [thumbed(1, conversation="t"), thumbed(0, conversation="u"), thumbed(0, "no", "u")]
    assert preference_examples(tokenizer, [], thumbs, 512) == []


def test_the_loss_is_the_papers_sum_over_pairs_and_thumbs(tokenizer: ChatTokenizer) -> None:
    rows = preference_examples(
        tokenizer, [ranked("a", [0, 1, 1]), ranked("b", [1, 0], weight=2.0)],
        [thumbed(0), thumbed(1, "no")], 512, thumbs_weight=0.5,
    )  # fmt: skip
    scores = torch.tensor([0.5, -0.2, 0.1, 1.0, 0.3, 0.7, 0.9])
    loss = PreferenceBatch.of(rows).loss(scores)
    tie = 0.5 * math.log(sigmoid(-0.3)) + 0.5 * math.log(sigmoid(0.3))
    first = -(math.log(sigmoid(0.7)) + math.log(sigmoid(0.4)) + tie) / 3
    second = -2.0 * math.log(sigmoid(0.3 - 1.0))
    thumb = -0.5 * math.log(sigmoid(0.9 - 0.7))
    assert float(loss) == pytest.approx((first + second + thumb) / (1 + 2 + 0.5), rel=1e-5)


def test_being_right_counts_only_what_was_decided(tokenizer: ChatTokenizer) -> None:
    rows = preference_examples(tokenizer, [ranked("a", [0, 1, 1])], [], 512)
    right = PreferenceBatch.of(rows).right(torch.tensor([0.0, -1.0, 2.0]))
    assert right.tolist() == [1.0, 0.0]


def test_equal_scores_are_half_right(tokenizer: ChatTokenizer) -> None:
    rows = preference_examples(tokenizer, [ranked("a", [0, 1])], [], 512)
    assert PreferenceBatch.of(rows).right(torch.zeros(2)).tolist() == [0.5]


def test_rows_that_are_too_long_are_left_out(tokenizer: ChatTokenizer) -> None:
    rows = [ranked("a", [0, 1]), ranked("b", [0, 1, 2, 3])]
    longest = [
        len(r.prompt) + max(map(len, r.responses))
        for r in preference_examples(tokenizer, rows, [], 512)
    ]
    kept = preference_examples(tokenizer, rows, [], longest[0])
    assert [row.conversation for row in kept] == ["a"]


def test_a_conversation_stays_in_one_fold() -> None:
    rows = [PreferenceExample(name, torch.zeros(1), [torch.zeros(1)], [], 1.0) for name in "abacbd"]
    assert folds_of(rows, 2) == [0, 1, 0, 0, 1, 1]
