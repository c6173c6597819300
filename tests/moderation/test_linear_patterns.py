"""Patterns that read people's text take time linear in its length, whatever the text."""

import re
import time
from collections.abc import Iterator

import pytest

from moderation import explain, injection, stream
from moderation.encoder import deobfuscate, encoder, noise, normalize

LENGTH = 32_000
RUNS = ("@$!", "a", "1", " ", "a ", "a.", "\n", ".", "!", "a@", "[", ">", '"', "a_", "#", " \n",
        "ignore all ", "you are ", "pretend ", "system: ", "://", "e\u0301")  # fmt: skip
WHOLE_TOKENS = {"_ORDINAL", "_DISGUISED"}  # matched against one token of bounded length


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for module in (normalize, deobfuscate, encoder, noise, explain, stream):
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern) and name not in WHOLE_TOKENS:
                yield f"{module.__name__}.{name}", value
    for number, (_, pattern) in enumerate(injection._COMPILED):
        yield f"injection {number}", pattern


def seconds(pattern: re.Pattern[str], text: str) -> float:
    start = time.process_time()
    for _ in pattern.finditer(text):
        pass
    return time.process_time() - start


@pytest.mark.parametrize("pattern", [pytest.param(p, id=name) for name, p in patterns()])
def test_a_pattern_is_linear(pattern: re.Pattern[str]) -> None:
    """A quadratic pattern needs 10 to 300 s for these; a linear one some milliseconds."""
    for run in RUNS:
        assert seconds(pattern, (run * LENGTH)[:LENGTH]) < 5, run


def test_a_long_run_of_signs_is_no_word() -> None:
    words = deobfuscate.Words({"cocaine": 0, "kill": 1})
    assert words.respell("@$!" * 10_000) == "@$!" * 10_000
    assert words.respell("c0caine k!ll 8.8.8.8 1st") == "cocaine kill 8.8.8.8 1st"
