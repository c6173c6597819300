"""A baseline without a reward model: logistic regression on the words of the responses."""

from collections.abc import Sequence

import numpy as np
import torch
from judged.sets import Row
from scipy.sparse import vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor


def tfidf(train: Sequence[Row], test: Sequence[Row]) -> list[Tensor]:
    """Scores [K] of the responses of each of ``test``, learned from TF-IDF of ``train``."""
    said = [row["responses"] for row in train]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    vectorizer.fit([text for texts in said for text in texts])
    pairs = [
        (texts[i], texts[j])
        for row, texts in zip(train, said, strict=True)
        for i, j in decided(row)
    ]
    better, worse = zip(*pairs, strict=True)
    differences = vectorizer.transform(better) - vectorizer.transform(worse)
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000)
    won = np.arange(2 * len(better)) < len(better)
    model.fit(vstack((differences, -differences)), won)
    weight = model.coef_[0]
    return [torch.from_numpy(vectorizer.transform(row["responses"]) @ weight) for row in test]


def accuracy(train: Sequence[Row], test: Sequence[Row]) -> float:
    """The share of decided pairs of ``test`` that the baseline orders correctly."""
    scored = zip(test, tfidf(train, test), strict=True)
    return float(np.mean([bool(s[i] > s[j]) for row, s in scored for i, j in decided(row)]))


def decided(row: Row) -> list[tuple[int, int]]:
    """Indexes of every better response of a ranking with every worse one."""
    return [(i, j) for i, a in enumerate(row["ranks"]) for j, b in enumerate(row["ranks"]) if a < b]
