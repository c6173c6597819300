"""The stream filter: what it releases, what it withholds, and that chunking never matters."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.categories import CATEGORIES
from moderation.classifier import KeywordClassifier
from moderation.rules import Action, ModerationRules, Rule, SideRules, Verdict
from moderation.stream import StreamFilter

WORDS = KeywordClassifier({"zonk": "hate", "glib": "sexual"})
PIECES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            ["zonk", "zo", "nk", "Zo", "glib", "a fine sentence. ", "\n", "word " * 30]
        ),
    ),
    max_size=30,
)


def side(**actions: Action) -> SideRules:
    off = Rule(threshold=0.5, action=Action.OFF)
    named = {name: Rule(threshold=0.5, action=action) for name, action in actions.items()}
    return SideRules(rules=dict.fromkeys(CATEGORIES, off) | named)


BLOCKING = side(hate=Action.BLOCK, sexual=Action.WARN)
WARNING = side(hate=Action.WARN)


class BrokenClassifier:
    version = "broken-1"

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        raise RuntimeError("out of order")


def run(pieces: Sequence[str], rules: SideRules) -> tuple[str, Verdict | None]:
    stream = StreamFilter(WORDS, rules, clock=lambda: -1.0)  # no time passes
    shown = "".join(stream.push(piece).text for piece in pieces)
    end = stream.finish()
    return shown + end.text, end.verdict


@given(PIECES)
def test_what_is_released_is_a_prefix_of_the_response(pieces: list[str]) -> None:
    shown, _ = run(pieces, BLOCKING)
    assert "".join(pieces).startswith(shown)


@given(PIECES)
def test_a_clean_response_is_released_whole(pieces: list[str]) -> None:
    text = "".join(pieces)
    if WORDS.classify([text])[0]["hate"] == 0:
        assert run(pieces, BLOCKING)[0] == text


@given(st.text("abc .\n", max_size=900), st.text("abc .\n", max_size=900), st.integers(1, 40))
def test_nothing_of_a_bad_word_shows_whatever_the_chunking(
    before: str, after: str, size: int
) -> None:
    text = before + "zonk" + after
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    shown, verdict = run(pieces, BLOCKING)
    assert before.startswith(shown)
    assert verdict is not None and verdict.action is Action.BLOCK


@given(PIECES)
def test_chunking_changes_neither_text_nor_verdict(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert run(pieces, BLOCKING) == run([text], BLOCKING) == run(list(text), BLOCKING)


@given(PIECES)
def test_without_block_every_push_passes_at_once(pieces: list[str]) -> None:
    stream = StreamFilter(WORDS, WARNING)
    assert [stream.push(piece).text for piece in pieces] == pieces
    assert stream.finish().text == ""


def test_without_block_a_warning_comes_at_the_end() -> None:
    stream = StreamFilter(WORDS, WARNING)
    stream.push("some zonk here")
    verdict = stream.finish().verdict
    assert verdict is not None
    assert (verdict.action, verdict.flagged) == (Action.WARN, ("hate",))


def test_a_warning_is_reported_by_the_push_that_finds_it_and_withholds_nothing() -> None:
    stream = StreamFilter(WORDS, BLOCKING)
    release = stream.push("so glib and then some more words to fill the first window up. ")
    assert release.verdict is not None and release.verdict.flagged == ("sexual",)
    assert "glib" in release.text


def test_a_warning_is_not_repeated_for_every_window() -> None:
    stream = StreamFilter(WORDS, BLOCKING)
    releases = [stream.push("glib words again. ") for _ in range(100)]
    assert len([r for r in releases if r.verdict is not None]) == 1


def test_nothing_follows_a_block() -> None:
    stream = StreamFilter(WORDS, BLOCKING)
    assert stream.push("zonk" + " more" * 20).text == ""
    assert stream.blocked
    assert stream.push("perfectly fine. " * 50) == ("", None)
    assert stream.finish().text == ""


def test_harm_split_across_windows_is_caught() -> None:
    stream = StreamFilter(KeywordClassifier({"alpha beta gamma": "hate"}), BLOCKING)
    shown = "".join(stream.push(c).text for c in "x" * 26 + " alpha beta gamma" + " y" * 50)
    assert stream.blocked
    assert "alpha" not in shown


def test_first_text_shows_after_a_short_sentence() -> None:
    stream = StreamFilter(WORDS, BLOCKING)
    assert stream.push("Here is what I would do. ").text == "H"  # all but the overlap


def test_first_text_shows_within_the_first_forty_characters() -> None:
    stream = StreamFilter(WORDS, BLOCKING)
    assert stream.push("the quick brown fox jumps over the lazy d").text != ""


def test_the_verdict_names_the_window() -> None:
    text = "fine words. " * 100 + "zonk. " + "fine words. " * 100
    _, verdict = run([text], BLOCKING)
    assert verdict is not None and verdict.span is not None
    assert "zonk" in text[slice(*verdict.span)]
    assert verdict.span[1] - verdict.span[0] <= 480


def test_a_failing_classifier_blocks_where_a_category_blocks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = StreamFilter(BrokenClassifier(), BLOCKING)
    assert stream.push("hello there, how are you doing today my friend? ").text == ""
    end = stream.finish()
    assert end.text == ""
    assert end.verdict is not None and end.verdict.failed
    assert end.verdict.action is Action.BLOCK
    assert "moderation failed" in caplog.text


def test_a_failing_classifier_lets_pass_where_nothing_blocks() -> None:
    stream = StreamFilter(BrokenClassifier(), WARNING)
    assert stream.push("hello").text == "hello"
    verdict = stream.finish().verdict
    assert verdict is not None and verdict.failed
    assert verdict.action is Action.LOG


def test_nothing_is_classified_when_all_is_off() -> None:
    stream = StreamFilter(BrokenClassifier(), side())
    assert stream.push("hello").text == "hello"
    assert stream.finish() == ("", None)


def test_an_empty_response_is_judged_clean() -> None:
    _, verdict = run([], BLOCKING)
    assert verdict is not None and verdict.action is Action.OFF


def test_the_shipped_policy_holds_text_back() -> None:
    assert ModerationRules().response.blocks


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        StreamFilter(WORDS, BLOCKING, window_chars=10, overlap_chars=20)


def test_a_push_says_beforehand_whether_it_classifies() -> None:
    stream = StreamFilter(WORDS, BLOCKING)
    assert not stream.due("Here are the words")
    assert stream.due("Here are the words that fill the first window up.")
    stream.push("zonk" + " more" * 20)
    assert not stream.due("more " * 100)


def said(text: str, per_second: float, cost: float = 0.0) -> list[tuple[float, str]]:
    """What is shown of a text at this many words a second, and when; a check takes ``cost``."""
    now = 1.0

    class Slow(KeywordClassifier):
        def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
            nonlocal now
            now += cost
            return super().classify(texts)

    stream = StreamFilter(Slow({"zonk": "hate"}), BLOCKING, clock=lambda: now)
    shown: list[tuple[float, str]] = []
    for number, word in enumerate(text.split(), 1):
        now = max(now, 1.0 + number / per_second)
        if release := stream.push(word + " ").text:
            shown.append((now - 1.0, release))
    return [*shown, (now - 1.0, stream.finish().text)]


ANSWER = "The tide is the rise of the sea. It comes twice a day, as the moon goes round. " * 12


@pytest.mark.parametrize("per_second", [2, 5, 10, 20, 60, 200])
@pytest.mark.parametrize("cost", [0.0, 0.03])
def test_text_flows_at_any_speed(per_second: float, cost: float) -> None:
    shown = said(ANSWER, per_second, cost)
    times = [when for when, _ in shown]
    assert "".join(text for _, text in shown) == " ".join(ANSWER.split()) + " "
    assert times[0] <= 10 / per_second + 0.25
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) <= max(0.4, 2 / per_second)


def test_windows_grow_where_checks_take_long() -> None:
    quick, slow = said(ANSWER, 10, 0.01), said(ANSWER, 10, 0.3)
    assert len(slow) < len(quick) / 4


@pytest.mark.parametrize("per_second", [2, 10, 200])
def test_nothing_of_a_blocked_window_shows_at_any_speed(per_second: float) -> None:
    before = " ".join(ANSWER.split()[:70])
    shown = "".join(text for _, text in said(before + " zonk and more of it", per_second))
    assert (before + " ").startswith(shown) and len(shown) > len(before) / 2
