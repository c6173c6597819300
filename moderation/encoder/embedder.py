"""Sentence embeddings: MiniLM as published, without the filter's adapters."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from moderation.encoder.encoder import read_tokenizer
from moderation.encoder.minilm import POSITIONS, WIDTH, read_transformer
from tutelage.errors import Invalid

NAME = "all-minilm-l6-v2"
DIMENSIONS = WIDTH
_BATCH = 16


class TextTooLong(Invalid):
    """A text has more tokens than the encoder reads."""

    def __init__(self, tokens: int) -> None:
        super().__init__(f"A text is {tokens} tokens long; the encoder reads {POSITIONS}.", "input")


class Embedder:
    """Texts to vectors of length 1. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Reads MiniLM's folder; raises EncoderMissing where there is none."""
        self._tokenizer = read_tokenizer(folder)
        self._transformer = read_transformer(folder)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text. Raises TextTooLong."""
        found = self._ids(texts)
        longest = max(map(len, found), default=0)
        if longest > POSITIONS:
            raise TextTooLong(longest)
        return found

    def beginnings(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of as much of each text as the encoder reads."""
        return [each[:POSITIONS] for each in self._ids(texts)]

    @torch.inference_mode()
    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """[texts, DIMENSIONS]: the normalised mean of each text's last states (SBERT, 2019)."""
        batches = [tokens[at : at + _BATCH] for at in range(0, len(tokens), _BATCH)]
        return torch.cat([self._batch(each) for each in batches])

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [list(each.ids) for each in self._tokenizer.encode_batch(list(texts))]

    def _batch(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        rows = [torch.tensor(each) for each in tokens]
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        read = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
        states = self._transformer(self._transformer.embed(ids), read[:, None, None, :])[-1]
        means = (states * read[..., None]).sum(1) / read.sum(1, keepdim=True)
        return nn.functional.normalize(means)
