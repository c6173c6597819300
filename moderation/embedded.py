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
_SENTENCE_MARGIN = 2.0  # in logits: a long text has many sentences that could be misread


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
        read = [self._encoder.windows(text) for text in texts]
        distinct = list(
            dict.fromkeys(each for of_text in read for part in of_text for each in part)
        )
        if not distinct:
            return [zero_scores() for _ in texts]
        logits = self._encoder.logits(distinct)
        row_of = {window: row for row, window in enumerate(distinct)}
        return [self._scores(*([logits[row_of[each]] for each in part] for part in of_text))
                for of_text in read]  # fmt: skip

    def _scores(self, windows: Sequence[Tensor], sentences: Sequence[Tensor]) -> dict[str, float]:
        """The highest of a text's logits [13]; those of single sentences have to be surer."""
        surer = [logits - _SENTENCE_MARGIN for logits in sentences]
        rows = [logits * self._slope + self._offset for logits in (*windows, *surer)]
        return highest(
            torch.sigmoid(torch.stack(rows)) if rows else torch.empty(0, len(CATEGORIES))
        )


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
