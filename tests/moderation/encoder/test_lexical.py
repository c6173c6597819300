"""The lexical part of the heads: single words weigh, in every category but those of hate."""

import torch

from moderation.categories import CATEGORIES
from moderation.encoder.lexical import BUCKETS, Lexical, buckets
from moderation.encoder.minilm import VOCABULARY
from moderation.training.lexical_fit import fit

BEGIN, END, DRUG, CALM, HOUSE = 101, 102, 4319, 4024, 2160
ILLICIT, HATE = CATEGORIES.index("illicit"), CATEGORIES.index("hate")
TEXTS = [[BEGIN, word, HOUSE, END] for word in (DRUG, DRUG, CALM, CALM)]


def fitted(category: int) -> Lexical:
    labels = torch.zeros(len(TEXTS), len(CATEGORIES))
    labels[:2, category] = 1
    return fit(TEXTS, labels, torch.ones_like(labels))


def test_words_and_their_pairs_have_buckets_of_their_own() -> None:
    found = buckets([BEGIN, DRUG, HOUSE, DRUG, END]).tolist()
    assert found[:2] == sorted((DRUG, HOUSE))
    assert len(found) == 4
    assert all(VOCABULARY <= each < BUCKETS for each in found[2:])


def test_a_word_that_harm_holds_raises_the_logit() -> None:
    drug, calm = fitted(ILLICIT)([[BEGIN, DRUG, END], [BEGIN, CALM, END]])
    assert drug[ILLICIT] > calm[ILLICIT]


def test_no_word_alone_is_hate() -> None:
    assert not fitted(HATE)([[BEGIN, DRUG, HOUSE, END]])[0, HATE]


def test_a_category_of_one_label_stays_at_zero() -> None:
    assert not fitted(ILLICIT).weight[:, CATEGORIES.index("violence")].any()


def test_a_window_of_nothing_has_no_words() -> None:
    lexical = fitted(ILLICIT)
    assert torch.equal(lexical([[BEGIN, END]])[0], lexical.bias)
