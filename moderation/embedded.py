"""The classifier that ships: MiniLM and thirteen trained heads, on the CPU, offline."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file
from torch import Tensor

from moderation.categories import CATEGORIES, zero_scores
from moderation.encoder import Encoder, bundled_encoder
from tutelage.errors import Unavailable

HEADS = Path(__file__).parent / "heads"


class HeadsMissing(Unavailable):
    """The trained heads are not there or do not fit; the message says what to do."""


class EmbeddedClassifier:
    """Scores texts of any length; safe to call from several threads, which share the weights.

    A text is normalised and cut into overlapping windows; its score in a category is the highest
    of its windows. A text in which nothing is left to read scores zero.
    """

    def __init__(self, encoder: Encoder, weight: Tensor, offset: Tensor, version: str) -> None:
        """`weight` [13, encoder.width] and `offset` [13] give calibrated logits."""
        self.version = version
        self._encoder = encoder
        self._weight = weight
        self._offset = offset

    @classmethod
    def load(cls, encoder_dir: Path | None = None, heads_dir: Path | None = None) -> Self:
        """From MiniLM's folder and that of the trained heads; by default both as installed.

        Raises EncoderMissing, with the way out, where there is no encoder, and HeadsMissing where
        the heads cannot be read or belong to another encoder.
        """
        encoder = Encoder(encoder_dir or bundled_encoder())
        folder = heads_dir or HEADS
        try:
            version = json.loads((folder / "heads.json").read_text("utf-8"))["version"]
            tensors = load_file(folder / "heads.safetensors")
            weight, offset = tensors["weight"], tensors["offset"]
        except Exception as error:  # OSError, ValueError, KeyError, SafetensorError
            raise HeadsMissing(
                f"no readable moderation heads in {folder} ({error}): "
                "reinstall, or train them with `python -m moderation.train`"
            ) from error
        if weight.shape != (len(CATEGORIES), encoder.width):
            raise HeadsMissing(f"the heads in {folder} were trained on another encoder")
        return cls(encoder, weight, offset, version)

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        windows = [self._encoder.windows(text) for text in texts]
        distinct = list(dict.fromkeys(window for of_text in windows for window in of_text))
        logits = self._encoder.vectors(distinct) @ self._weight.T + self._offset
        row_of = {window: row for row, window in enumerate(distinct)}
        return [_highest(logits[[row_of[window] for window in of_text]]) for of_text in windows]


def _highest(logits: Tensor) -> dict[str, float]:
    """Scores from the logits [windows, 13] of one text's windows."""
    if not len(logits):
        return zero_scores()
    return dict(zip(CATEGORIES, torch.sigmoid(logits.amax(0)).tolist(), strict=True))
