"""Fits the lexical part of the heads: a logistic regression on words and pairs per category.

Except for hate, where the names of the targeted groups would get the highest weights.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from torch import Tensor

from moderation.categories import CATEGORIES
from moderation.encoder.lexical import BUCKETS, Lexical, buckets

_BY_MEANING = ("hate", "hate/threatening")
_SURENESS = 3.0  # the inverse of the L2 penalty


def fit(texts: Sequence[Sequence[int]], labels: Tensor, weights: Tensor) -> Lexical:
    """From token ids, and labels and weights [texts, 13]; a label of weight 0 is unknown.

    A category with only one label value keeps weight zero.
    """
    found = [buckets(text).numpy() for text in texts]
    starts = np.cumsum([0, *map(len, found)])
    ones = np.ones(starts[-1], dtype=np.float32)
    counts = sparse.csr_matrix((ones, np.concatenate(found), starts), (len(texts), BUCKETS))
    common = np.asarray(counts.sum(0)).ravel()
    lexical = Lexical()
    lexical.rarity = torch.tensor(np.log((1 + len(texts)) / (1 + common)) + 1).half()
    rows = normalize(counts @ sparse.diags(lexical.rarity.float().numpy()))
    for column, category in enumerate(CATEGORIES):
        if category not in _BY_MEANING:
            _fit_category(
                lexical, column, rows, labels[:, column].numpy(), weights[:, column].numpy()
            )
    return lexical


def _fit_category(
    lexical: Lexical, column: int, rows: sparse.csr_matrix, labels: np.ndarray, weights: np.ndarray
) -> None:
    known = np.flatnonzero(weights)
    if len(set(labels[known])) < 2:
        return
    model = LogisticRegression(C=_SURENESS, solver="liblinear")
    model.fit(rows[known], labels[known], weights[known])
    lexical.weight[:, column] = torch.tensor(model.coef_[0])
    lexical.bias[column] = float(model.intercept_[0])
