"""Whether a prompt asks again what the one before asked."""

from moderation.encoder.embedder import Embedder
from moderation.encoder.encoder import EncoderMissing, bundled_encoder
from moderation.encoder.similarity import Rephrasing

AGAIN = ("How do I boil an egg?", "How should I boil an egg?")
ANOTHER = ("How do I boil an egg?", "How tall is Mont Blanc?")
LONG = ("word " * 2000, "word " * 2000 + "more")


def test_the_same_question_in_other_words_is_told_from_another_question() -> None:
    rephrased = Rephrasing(lambda: Embedder(bundled_encoder()))
    assert rephrased([AGAIN, ANOTHER, LONG]) == [True, False, True]


def test_without_the_encoder_nothing_is_rephrased() -> None:
    def missing() -> Embedder:
        raise EncoderMissing("not installed")

    assert Rephrasing(missing)([AGAIN]) == [False]
