"""Detoxify: what its classes mean here, and what is said when it cannot be loaded."""

import pickle
from pathlib import Path

import pytest

from moderation.classifiers.detoxify import MAPPING, DetoxifyClassifier, mapped
from tutelage.errors import Unavailable

THEIRS = {"toxicity": 0.3, "insult": 0.5, "threat": 0.4, "identity_attack": 0.6}


def test_its_classes_are_mapped() -> None:
    ours = mapped(THEIRS | {"sexual_explicit": 0.9})
    assert ours["hate"] == 0.6
    assert ours["harassment"] == 0.5
    assert ours["harassment/threatening"] == ours["violence"] == 0.4
    assert ours["hate/threatening"] == 0.4
    assert ours["sexual"] == 0.9


def test_what_it_does_not_know_scores_zero_and_is_not_covered() -> None:
    unknown = ("self-harm", "self-harm/intent", "sexual/minors", "illicit", "violence/graphic")
    assert [mapped(THEIRS)[category] for category in unknown] == [0.0] * len(unknown)
    assert not DetoxifyClassifier.covers & set(unknown)
    assert set(MAPPING) < DetoxifyClassifier.covers


def test_a_folder_without_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=str(tmp_path)):
        DetoxifyClassifier.load(tmp_path)


def test_a_file_that_would_run_code_runs_none(tmp_path: Path) -> None:
    trace = tmp_path / "ran"

    class Harm:
        def __reduce__(self) -> object:
            return (Path.touch, (trace,))

    (tmp_path / "evil.ckpt").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(Unavailable, match="cannot be loaded"):
        DetoxifyClassifier.load(tmp_path)
    assert not trace.exists()
