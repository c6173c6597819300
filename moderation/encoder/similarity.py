"""Whether two prompts ask the same, by the encoder's sentence embeddings."""

from collections.abc import Callable, Sequence
from functools import cached_property

from moderation.encoder.embedder import Embedder
from moderation.encoder.encoder import EncoderMissing

SAME = 0.8  # cosine from which on two sentences are taken for paraphrases


class Rephrasing:
    """Compares pairs of texts; the encoder is loaded when it is first needed."""

    def __init__(self, load: Callable[[], Embedder]) -> None:
        self._load = load

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """For each pair whether both ask the same; without an encoder none does."""
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        if self._embedder is None:
            return [False] * len(pairs)
        vectors = self._embedder.embed(self._embedder.beginnings(texts))
        place = {text: number for number, text in enumerate(texts)}
        return [float(vectors[place[a]] @ vectors[place[b]]) >= SAME for a, b in pairs]

    @cached_property
    def _embedder(self) -> Embedder | None:
        try:
            return self._load()
        except EncoderMissing:
            return None
