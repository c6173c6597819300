"""Padding that the encoder cannot read does not dilute what it can."""

import base64
import random

import pytest

from moderation.classifiers.embedded import EmbeddedClassifier
from moderation.encoder.noise import without_noise

HARM = "I will kill you tonight."
NOISE = random.Random(0)


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
    "padding",
    [
        base64.b64encode(NOISE.randbytes(1500)).decode(),
        "".join(
            NOISE.choice("今天气很好我们去公园散步看见多花和鸟然后回家吃饭") for _ in range(1000)
        ),
    ],
    ids=["base64", "chinese"],
)
def test_padding_does_not_hide_a_threat(padding: str) -> None:
    classifier = EmbeddedClassifier.load()
    alone, padded = classifier.classify([HARM, f"{padding} {HARM}"])
    assert padded["violence"] >= alone["violence"] - 0.1
