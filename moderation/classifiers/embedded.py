"""The classifier that ships: adapted MiniLM and thirteen trained heads, on the CPU, offline."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from moderation.categories import CATEGORIES
from moderation.encoder.encoder import Encoder, Parts, bundled_encoder
from moderation.encoder.lexical import Lexical
from moderation.encoder.pooling import Pooling
from tutelage.errors import Unavailable

HEADS = Path(__file__).parents[1] / "heads"
# In logits: a long text has many parts, each a chance of a false alarm.
WINDOW_MARGIN = 0.6  # for e times as many windows
SENTENCE_MARGIN = 4.0
PIECE_MARGIN = 6.0


class HeadsMissing(Unavailable):
    """The trained heads are missing or do not fit; the message says what to do."""


class HeadInputs(NamedTuple):
    """`logits` [texts, 13] before calibration, and `means` [texts, 13, features], the mean states
    that the linear part of the heads reads for them."""

    logits: Tensor
    means: Tensor

    def rows(self, indexes: Sequence[int]) -> Self:
        """The inputs of some of the texts."""
        return type(self)(self.logits[indexes], self.means[indexes])


class EmbeddedClassifier:
    """Scores texts of any length; safe to call from several threads, which share the weights.

    A text is normalised and cut into overlapping windows; `reached` says how its logits follow from
    theirs. A text without any readable characters scores zero.
    """

    covers = frozenset(CATEGORIES)

    def __init__(self, encoder: Encoder, slope: Tensor, offset: Tensor, version: str) -> None:
        """`slope` and `offset`, both [13], calibrate the encoder's logits."""
        self.version = version
        self._encoder = encoder
        self._slope = slope
        self._offset = offset

    @classmethod
    def load(cls, encoder_dir: Path | None = None, heads_dir: Path | None = None) -> Self:
        """From MiniLM's folder and that of the trained heads; by default both as installed.

        Raises EncoderMissing where there is no encoder, and HeadsMissing where the heads cannot be
        read or belong to another encoder.
        """
        folder, encoder_dir = heads_dir or HEADS, encoder_dir or bundled_encoder()
        version, tensors = _read(folder)
        try:
            slope, offset = tensors.pop("slope"), tensors.pop("offset")
            pooling = Pooling()
            pooling.load_state_dict(_named(tensors, "pooling."))
            lexical = Lexical()
            lexical.load_state_dict(_named(tensors, "lexical."))
            adapters, ranges = _named(tensors, "adapters."), _named(tensors, "ranges.")
            encoder = Encoder(encoder_dir, adapters, ranges, pooling, lexical)
        except (KeyError, RuntimeError) as error:
            raise HeadsMissing(
                f"the heads in {folder} were trained on another encoder: {error}"
            ) from error
        return cls(encoder, slope, offset, version)

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        rows = self.scores(self.logits(texts)).tolist()
        return [dict(zip(CATEGORIES, row, strict=True)) for row in rows]

    def calibrated(self, logits: Tensor) -> Tensor:
        """Logits [texts, 13] of which the sigmoid is a probability."""
        return logits * self._slope + self._offset

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities [texts, 13]."""
        return torch.sigmoid(self.calibrated(logits))

    def logits(self, texts: Sequence[str]) -> Tensor:
        """[texts, 13] before calibration; -inf for a text without readable characters."""
        read = [self._encoder.parts(text) for text in texts]
        distinct = list(
            dict.fromkeys(each for of_text in read for part in of_text for each in part)
        )
        found = self._encoder.logits(distinct) if distinct else torch.empty(0, len(CATEGORIES))
        row_of = {window: row for row, window in enumerate(distinct)}
        logits = [
            reached(found[[row_of[each] for part in of_text for each in part]], of_text)[0]
            for of_text in read
        ]
        return torch.stack(logits) if logits else torch.empty(0, len(CATEGORIES))

    def head_inputs(self, texts: Sequence[str]) -> HeadInputs:
        """Logits and mean states of texts with readable characters."""
        found = [self._head_inputs(self._encoder.parts(text)) for text in texts]
        return HeadInputs(*(torch.stack(part) for part in zip(*found, strict=True)))

    def _head_inputs(self, parts: Parts) -> tuple[Tensor, Tensor]:
        logits, means = self._encoder.logits_and_means([each for part in parts for each in part])
        highest, shares = reached(logits, parts)
        return highest, shares.T @ means


def reached(logits: Tensor, parts: Parts) -> tuple[Tensor, Tensor]:
    """A text's logits [13] from those of its parts [parts, 13], and the share of each part.

    They are the average of the windows' mean and their maximum, less a margin that grows with the
    logarithm of their number, or those of a single sentence or piece, less its margin. Shares are
    [parts, 13].
    """
    windows, shares = len(parts.whole), torch.zeros_like(logits)
    if not windows:
        return torch.full((len(CATEGORIES),), -math.inf), shares
    margins = [SENTENCE_MARGIN] * len(parts.sentences) + [PIECE_MARGIN] * len(parts.pieces)
    whole, single = logits[:windows], logits[windows:] - torch.tensor(margins)[:, None]
    shares[:windows] = 0.5 / windows
    shares.scatter_add_(0, whole.argmax(0)[None], torch.full((1, len(CATEGORIES)), 0.5))
    together = (shares * logits).sum(0) - WINDOW_MARGIN * math.log(windows)
    if not len(single):
        return together, shares
    surest = single.max(0)
    alone = nn.functional.one_hot(windows + surest.indices, len(logits)).T.to(shares.dtype)
    surer = surest.values > together
    return torch.maximum(together, surest.values), torch.where(surer, alone, shares)


def _read(folder: Path) -> tuple[str, dict[str, Tensor]]:
    try:
        version: str = json.loads((folder / "heads.json").read_text("utf-8"))["version"]
        return version, load_file(folder / "heads.safetensors")
    except Exception as error:  # OSError, ValueError, KeyError, SafetensorError
        raise HeadsMissing(
            f"no readable moderation heads in {folder} ({error}): "
            "reinstall, or train them with `python -m moderation.training.train`"
        ) from error


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
