"""Padding that the encoder cannot read does not dilute what it can."""

import base64
import random

import pytest

from moderation.classifiers.embedded import EmbeddedClassifier
from moderation.encoder.noise import without_hex, without_noise
from moderation.rules import Action, ModerationRules, judge
from training import bundled_data

HARM = "I will kill you tonight."
NOISE = random.Random(0)
PROMPTS = [row["prompt"] for row in bundled_data.rows(bundled_data.PROMPTS)]
RUN_ON = " ".join(text.strip(".?!").lower() for text in PROMPTS[:40])


@pytest.fixture(scope="module")
def classifier() -> EmbeddedClassifier:
    return EmbeddedClassifier.load()


def flagged(classifier: EmbeddedClassifier, text: str) -> bool:
    action = judge(classifier.classify([text])[0], ModerationRules().prompt).action
    return action in (Action.WARN, Action.BLOCK)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("今天天气很好 Good day", " Good day"),
        ("Größe and naïve café stay", "Größe and naïve café stay"),
        ("a 3fa9c2e1 b", "a b"),
        ("in 2026 it was 1.5 at B2", "in 2026 it was 1.5 at B2"),
        ("one\ntwo", "one\ntwo"),
    ],
)
def test_only_what_is_unreadable_is_left_out(text: str, rest: str) -> None:
    assert without_noise(text) == rest


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a 3fa9c2e1 12345678 b", "a     b"),
        ("\\x41\\x42\\x43\\x44 0xdeadbeef00", "   "),
        ("see de ad be ef 01 02 03 04 kill", "see  kill"),
        ("a decade of facade, in 2026 it was bad", "a decade of facade, in 2026 it was bad"),
        ("k1ll m3 in c0c41n3", "k1ll m3 in c0c41n3"),
    ],
)
def test_hexadecimal_is_left_out_and_leetspeak_is_not(text: str, rest: str) -> None:
    assert without_hex(text) == rest


@pytest.mark.parametrize(
    "padding",
    [
        base64.b64encode(NOISE.randbytes(1500)).decode(),
        " ".join(NOISE.randbytes(4).hex() for _ in range(220)),
        NOISE.randbytes(400).hex(" "),
        "".join(
            NOISE.choice("今天气很好我们去公园散步看见多花和鸟然后回家吃饭") for _ in range(1000)
        ),
    ],
    ids=["base64", "words of hexadecimal", "bytes of hexadecimal", "chinese"],
)
def test_padding_does_not_hide_a_threat(classifier: EmbeddedClassifier, padding: str) -> None:
    alone, padded = classifier.classify([HARM, f"{padding} {HARM}"])
    assert padded["violence"] >= alone["violence"] - 0.1


@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_text_without_punctuation_does_not_hide_harm(
    classifier: EmbeddedClassifier, place: float
) -> None:
    at = RUN_ON.find(" ", int(place * len(RUN_ON)))
    at = len(RUN_ON) if at < 0 else at
    text = f"{RUN_ON[:at]} i am going to cut myself again tonight {RUN_ON[at:]}"
    assert flagged(classifier, text)


def test_many_harmless_sentences_are_harmless(classifier: EmbeddedClassifier) -> None:
    assert not flagged(classifier, " ".join(PROMPTS[:200]))
    assert not flagged(classifier, RUN_ON)
