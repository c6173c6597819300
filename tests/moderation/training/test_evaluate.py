"""The figures, on a tiny made-up set."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.moderation import floor
from moderation.categories import CATEGORIES
from moderation.classifier import KeywordClassifier
from moderation.rules import ModerationRules
from moderation.training.datasets import LabelledText
from moderation.training.evaluate import (
    acted_on,
    auroc_of_any,
    by_group,
    calibration,
    cpu_milliseconds,
    figures,
    figures_of_sets,
    intervals,
    score,
    share_interval,
    shares_of_sets,
)

WORDS = KeywordClassifier({"zonk": "hate"})
CLEAN = dict.fromkeys(CATEGORIES, 0)


def example(text: str, labels: dict[str, int], source: str = "made-up") -> LabelledText:
    return LabelledText(text, labels, source, text)


def test_a_perfect_classifier_scores_one() -> None:
    result = figures(score(WORDS, [example("a zonk", {"hate": 1}), example("calm", {"hate": 0})]))
    assert (result["auprc"]["hate"], result["any"], result["macro"]) == (1.0, 1.0, 1.0)


def test_a_category_without_positives_has_no_figure() -> None:
    result = figures(score(WORDS, [example("a zonk", {"hate": 1}), example("calm", CLEAN)]))
    assert result["auprc"]["sexual"] is None


def test_an_unknown_label_counts_neither_way() -> None:
    rows = [example("a zonk", {"hate": 1}), example("calm", {"hate": 0})]
    assert (
        figures(score(WORDS, [*rows, example("zonk too", {"sexual": 0})]))["auprc"]["hate"] == 1.0
    )


def test_a_classifier_that_finds_nothing_scores_the_base_rate() -> None:
    rows = [example("calm", {"hate": 1})] + [example(f"calm {n}", {"hate": 0}) for n in range(3)]
    assert figures(score(WORDS, rows))["auprc"]["hate"] == pytest.approx(0.25)


def test_harm_in_a_category_that_a_set_does_not_label_is_no_false_alarm() -> None:
    words = KeywordClassifier({"zonk": "hate", "boom": "illicit/violent"})
    rows = [example("a zonk", {"hate": 1}), example("boom boom", {"hate": 0})]
    assert figures(score(words, rows))["any"] == 1.0


def test_the_floor_is_cross_validated(tmp_path: Path) -> None:
    kinds = (("dreadful villain", 1), ("lovely garden", 0))
    rows = [
        {"prompt": f"number {n} {words}", "H": harm} for n in range(30) for words, harm in kinds
    ]
    (tmp_path / "mod_openai1680.dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = figures(floor(tmp_path))
    assert result["texts"] == len(rows)
    assert result["auprc"]["hate"] > 0.9


def test_the_shipped_policy_is_applied() -> None:
    words = KeywordClassifier({"boom": "illicit/violent", "lewd": "sexual"})
    rows = [example(text, CLEAN) for text in ("boom", "lewd", "calm", "quiet")]
    acted = acted_on(score(words, rows))
    assert (acted["texts"], acted["flagged"]) == (4, 0.5)
    assert (acted["warned"], acted["blocked"]) == (0.25, 0.25)


def test_single_sets_are_reported() -> None:
    rows = [
        example("a zonk", {"hate": 1}, "mod_hatecheck"),
        example("calm", {"hate": 0}, "mod_hatecheck"),
        example("calm too", CLEAN, "eval_xstest"),
        example("zonk again", {"hate": 1}, "eval_xstest"),
    ]
    scored = score(WORDS, rows)
    result = figures_of_sets(scored) | shares_of_sets(scored)
    assert result["hatecheck_auroc"] == 1.0
    assert result["xstest_safe"]["flagged"] == 0.0
    assert result["xstest_unsafe"]["flagged"] == 1.0


def test_time_is_measured() -> None:
    assert cpu_milliseconds(WORDS, repeats=2) >= 0.0


def test_the_benchmark_ends_with_one_line_of_json(tmp_path: Path) -> None:
    rows = [
        {"text": "I will kill you, you filthy pig", "labels": {"harassment": 1}},
        {"text": "What a lovely garden", "labels": {"harassment": 0}},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    bench = [sys.executable, "-m", "tutelage", "bench", "moderation"]
    peer = f"tox-block={sys.executable}"  # which does not have it
    command = [*bench, "--test", str(path), "--peer", peer, "--only-test", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["auprc"]["harassment"] == 1.0
    assert "tox_block" in result["peers"]["tox-block"]["error"]


def test_the_area_under_the_roc_curve_of_any_harm() -> None:
    rows = [example(f"a zonk {n}", {"hate": 1}) for n in range(5)]
    rows += [example(f"calm {n}", {"hate": 0}) for n in range(5)]
    assert auroc_of_any(score(WORDS, rows)) == (1.0, [1.0, 1.0])


def test_intervals_hold_the_figure() -> None:
    rows = [example(f"a zonk {n}", {"hate": 1}) for n in range(5)]
    rows += [example(f"calm {n}", {"hate": 0}) for n in range(5)]
    found = intervals(score(WORDS, rows), draws=20)
    assert found["any"][0] <= 1.0 == found["any"][1]
    assert found["hate"] == [1.0, 1.0]
    assert "sexual" not in found
    assert share_interval([True, False] * 50) == pytest.approx([0.404, 0.596], abs=0.01)


def test_calibration_compares_scores_with_what_holds() -> None:
    rows = [example("a zonk", {"hate": 1}), example("zonk?", {"hate": 0}), example("calm", CLEAN)]
    lowest, highest = calibration(score(WORDS, rows))
    assert (lowest["score"], lowest["harmful"]) == (0.0, 0.0)
    assert (highest["score"], highest["harmful"], highest["labels"]) == (1.0, 0.5, 2)


def test_false_alarms_are_counted_by_group() -> None:
    rows = [("men", row) for row in score(WORDS, [example("zonk", {"hate": 0})])]
    rows += [("women", row) for row in score(WORDS, [example("fine", {"hate": 0})])]
    alarms = by_group(rows, ModerationRules().prompt)
    assert {group: each["flagged"] for group, each in alarms.items()} == {"men": 1.0, "women": 0.0}
