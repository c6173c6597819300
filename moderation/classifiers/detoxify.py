"""Detoxify's classifiers (Hanu 2020), loaded offline and without running code from a file.

A folder holds the published checkpoint (`*.ckpt`) and, of the model that it was trained from
(bert-base-uncased, roberta-base or xlm-roberta-base), `config.json` and `tokenizer.json`. Nothing
is downloaded. Detoxify has fewer categories; those that it lacks score 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
)

from moderation.categories import CATEGORIES
from moderation.encoder.encoder import bundled_encoder, read_tokenizer
from moderation.encoder.normalize import normalize
from moderation.encoder.windows import Window, cut, highest
from tutelage.errors import Unavailable

# Ours from Detoxify's: the highest of those named, or, for a pair, the lower of the two.
MAPPING: dict[str, tuple[str, ...]] = {
    "hate": ("identity_attack",),
    "harassment": ("insult", "toxicity"),
    "harassment/threatening": ("threat",),
    "violence": ("threat",),
    "sexual": ("sexual_explicit",),
}
BOTH: dict[str, tuple[str, str]] = {"hate/threatening": ("identity_attack", "threat")}
_OLDER_NAMES = {"toxic": "toxicity", "severe_toxic": "severe_toxicity",
                "identity_hate": "identity_attack"}  # fmt: skip
_WINDOW = 256
_OVERLAP = 32
_BATCH = 8


class DetoxifyClassifier:
    """Detoxify's scores in our categories; safe to call from several threads."""

    covers = frozenset({*MAPPING, *BOTH})

    def __init__(self, model: Any, tokenizer: Tokenizer, classes: Sequence[str], name: str) -> None:
        """`model` gives logits [texts, classes] for ids and mask; `classes` names them in order."""
        self.version = f"detoxify-{name}"
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._classes = [_OLDER_NAMES.get(each, each) for each in classes]
        tokenizer.no_truncation()
        tokenizer.no_padding()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """From `folder`; raises Unavailable that says what is missing or invalid."""
        checkpoint = next(iter(sorted(folder.glob("*.ckpt"))), None)
        if checkpoint is None:
            raise Unavailable(
                f"{folder} contains no Detoxify checkpoint (*.ckpt). Put the published file there, "
                "with config.json and tokenizer.json of the model it was trained from."
            )
        try:
            kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
            classes = kept["config"]["dataset"]["args"]["classes"]
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            config.num_labels = len(classes)
            model = AutoModelForSequenceClassification.from_config(config)
            model.load_state_dict(_without_buffers(kept["state_dict"]))
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the libraries raise many kinds
            raise Unavailable(f"Detoxify cannot be loaded from {folder}: {error}") from error
        return cls(model, tokenizer, classes, checkpoint.stem)

    @torch.inference_mode()
    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """The highest scores of each text's windows."""
        encoded = self._tokenizer.encode_batch(
            [normalize(text) for text in texts], add_special_tokens=False
        )
        start, end = self._tokenizer.encode("").ids
        cuts = [cut(each.ids, (start, end), _WINDOW, _OVERLAP) for each in encoded]
        return [highest(self._read(windows)) for windows in cuts]

    def _read(self, windows: Sequence[Window]) -> Tensor:
        """Our scores [windows, 13]."""
        rows = []
        for first in range(0, len(windows), _BATCH):
            ids = [torch.tensor(window) for window in windows[first : first + _BATCH]]
            padding = self._model.config.pad_token_id or 0
            padded = pad_sequence(ids, batch_first=True, padding_value=padding)
            mask = pad_sequence([torch.ones_like(each) for each in ids], batch_first=True)
            logits = self._model(input_ids=padded, attention_mask=mask).logits
            rows += [self._mapped(row) for row in torch.sigmoid(logits).tolist()]
        return torch.tensor(rows)

    def _mapped(self, row: Sequence[float]) -> list[float]:
        theirs = dict(zip(self._classes, row, strict=False))
        return [mapped(theirs)[category] for category in CATEGORIES]


def mapped(theirs: Mapping[str, float]) -> dict[str, float]:
    """Detoxify's probabilities in our thirteen categories."""
    ours = dict.fromkeys(CATEGORIES, 0.0)
    for category, names in MAPPING.items():
        ours[category] = max(theirs.get(name, 0.0) for name in names)
    for category, names in BOTH.items():
        ours[category] = min(theirs.get(name, 0.0) for name in names)
    return ours


def untrained() -> DetoxifyClassifier:
    """Detoxify's "original" architecture with random weights, to measure its cost."""
    classes = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")
    model = BertForSequenceClassification(BertConfig(num_labels=len(classes)))
    return DetoxifyClassifier(model, read_tokenizer(bundled_encoder()), classes, "untrained")


def _without_buffers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Older checkpoints hold position ids, which the library now makes itself."""
    return {name: each for name, each in state.items() if not name.endswith("position_ids")}
