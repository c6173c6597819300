"""Labelled texts: labels that follow from labels, folds, and rows that are wrong."""

import json
from collections import Counter
from pathlib import Path

import pytest

from moderation.categories import CATEGORIES
from moderation.training.counterfactual import about_groups
from moderation.training.datasets import (
    COUNTERFACTUAL,
    FOLDS,
    WRITTEN,
    LabelledText,
    implied,
    read_all,
    read_groups,
    read_rows,
)
from tutelage import jsonl


def test_a_threat_implies_its_parent() -> None:
    assert implied({"hate/threatening": 1}) == {"hate/threatening": 1, "hate": 1}


def test_no_hate_implies_no_threat() -> None:
    assert implied({"hate": 0}) == {"hate": 0, "hate/threatening": 0}


def test_hate_alone_says_nothing_about_threats() -> None:
    assert implied({"hate": 1}) == {"hate": 1}


def test_one_group_never_falls_on_both_sides() -> None:
    folds = {LabelledText(text, {}, "set", "template 7").fold for text in ("a", "b", "c")}
    assert len(folds) == 1


def test_folds_are_about_even() -> None:
    folds = [LabelledText("", {}, "set", str(n)).fold for n in range(1000)]
    assert all(280 < folds.count(fold) < 390 for fold in range(FOLDS))


def test_a_text_is_harmless_only_when_every_category_is_known() -> None:
    assert LabelledText("", dict.fromkeys(CATEGORIES, 0), "s", "g").harmful is False
    assert LabelledText("", {"hate": 0}, "s", "g").harmful is None
    assert LabelledText("", {"hate": 0, "sexual": 1}, "s", "g").harmful is True


def test_sets_that_are_there_are_read_with_their_digests(tmp_path: Path) -> None:
    row = {"text": "they are vermin", "label": "hate", "group": "x"}
    (tmp_path / "mod_toxigen_prompts.jsonl").write_text(json.dumps(row))
    examples, digests = read_all(tmp_path)
    assert [e.labels for e in examples if e.source == "mod_toxigen_prompts"] == [{"hate": 1}]
    assert set(digests) == {"mod_toxigen_prompts.jsonl", WRITTEN.name, COUNTERFACTUAL.name}


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"mod_openai1680"):
        read_all(tmp_path)


@pytest.mark.parametrize("ours", [WRITTEN, COUNTERFACTUAL], ids=["written", "counterfactual"])
def test_our_own_examples_name_known_categories(ours: Path) -> None:
    rows = [json.loads(line) for line in ours.read_text("utf-8").splitlines()]
    assert all(set(row["holds"]) <= set(CATEGORIES) for row in rows)


def test_a_sentence_is_said_of_several_groups_in_the_form_that_it_asks_for() -> None:
    found = dict(about_groups(iter(["{People} met {person}.", "A {kind} home."])))
    assert found["{People} met {person}."][:2] == [
        "Women met a woman.",
        "Trans people met a trans person.",
    ]
    assert len(set(found["A {kind} home."])) > 1


def test_no_group_is_named_more_often_than_others() -> None:
    told = [text for _, texts in about_groups("{people}" for _ in range(100)) for text in texts]
    counts = Counter(told).values()
    assert max(counts) - min(counts) <= 1


def test_all_that_is_said_in_one_sentence_shares_a_fold(tmp_path: Path) -> None:
    (tmp_path / "mod_toxigen_prompts.jsonl").write_text('{"text": "a", "label": "neutral"}\n')
    ours = [each for each in read_all(tmp_path)[0] if each.source == "counterfactual"]
    folds = {(each.group, each.fold) for each in ours}
    assert len(folds) == len({each.group for each in ours}) < len(ours)


def test_a_text_is_kept_once(tmp_path: Path) -> None:
    rows = [{"prompt": "Same  text"}, {"prompt": "same text"}]
    path = tmp_path / "prompts_oasst_lottery.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    examples, _ = read_all(tmp_path)
    assert len([e for e in examples if e.source == "prompts_oasst_lottery"]) == 1


@pytest.mark.parametrize(
    "line", ["{", '{"text": "x"}', '{"text": "x", "labels": {"rude": 1}}', "[1]"]
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "fine", "labels": {"hate": 0}}\n' + line)
    with pytest.raises(ValueError, match="line 2"):
        read_rows(path)


def test_thresholds_and_figures_rest_on_different_halves_of_every_fold() -> None:
    examples = [LabelledText("", {}, "made-up", str(n)) for n in range(600)]
    for fold in range(FOLDS):
        inside = [each.reported for each in examples if each.fold == fold]
        assert 0.4 < sum(inside) / len(inside) < 0.6


def test_appeals_are_read_beside_the_public_sets(tmp_path: Path) -> None:
    (tmp_path / "mod_toxigen_prompts.jsonl").write_text('{"text": "a", "label": "neutral"}\n')
    appeals = tmp_path / "appeals.jsonl"
    appeals.write_text('{"text": "b", "labels": {"hate": 0}, "group": "conv_1"}\n')
    examples, digests = read_all(tmp_path, appeals=appeals)
    assert examples[-1] == LabelledText("b", {"hate": 0}, "appeals", "conv_1")
    assert "appeals.jsonl" in digests


def test_a_group_has_one_name_in_all_sets(tmp_path: Path) -> None:
    jsonl.write(tmp_path / "mod_toxigen_prompts.jsonl", [{"text": "a", "group": "muslim"}])
    row = {"test_case": "b", "target_ident": "Muslims"}
    jsonl.write(tmp_path / "mod_hatecheck.dev.jsonl", [row])
    assert read_groups(tmp_path) == {"a": "Muslims", "b": "Muslims"}
