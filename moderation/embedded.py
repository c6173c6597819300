"""The classifier that ships: adapted MiniLM and thirteen trained heads, on the CPU, offline."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file
from torch import Tensor

from moderation.categories import CATEGORIES, zero_scores
from moderation.encoder import Encoder, bundled_encoder
from moderation.pooling import Pooling
from moderation.windows import highest
from tutelage.errors import Unavailable

HEADS = Path(__file__).parent / "heads"


class HeadsMissing(Unavailable):
    """The trained heads are not there or do not fit; the message says what to do."""


class EmbeddedClassifier:
    """Scores texts of any length; safe to call from several threads, which share the weights.

    A text is normalised and cut into overlapping windows; its score in a category is the highest
    of its windows. A text in which nothing is left to read scores zero.
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

        Raises EncoderMissing, with the way out, where there is no encoder, and HeadsMissing where
        the heads cannot be read or belong to another encoder.
        """
        folder, encoder_dir = heads_dir or HEADS, encoder_dir or bundled_encoder()
        version, tensors = _read(folder)
        try:
            slope, offset = tensors.pop("slope"), tensors.pop("offset")
            pooling = Pooling()
            pooling.load_state_dict(_named(tensors, "pooling."))
            adapters, ranges = _named(tensors, "adapters."), _named(tensors, "ranges.")
            encoder = Encoder(encoder_dir, adapters, ranges, pooling)
        except (KeyError, RuntimeError) as error:
            raise HeadsMissing(
                f"the heads in {folder} were trained on another encoder: {error}"
            ) from error
        return cls(encoder, slope, offset, version)

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        windows = [self._encoder.windows(text) for text in texts]
        distinct = list(dict.fromkeys(window for of_text in windows for window in of_text))
        if not distinct:
            return [zero_scores() for _ in texts]
        scores = torch.sigmoid(self._encoder.logits(distinct) * self._slope + self._offset)
        row_of = {window: row for row, window in enumerate(distinct)}
        return [highest(scores[[row_of[window] for window in of_text]]) for of_text in windows]


def _read(folder: Path) -> tuple[str, dict[str, Tensor]]:
    try:
        version: str = json.loads((folder / "heads.json").read_text("utf-8"))["version"]
        return version, load_file(folder / "heads.safetensors")
    except Exception as error:  # OSError, ValueError, KeyError, SafetensorError
        raise HeadsMissing(
            f"no readable moderation heads in {folder} ({error}): "
            "reinstall, or train them with `python -m moderation.train`"
        ) from error


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
