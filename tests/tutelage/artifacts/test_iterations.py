"""What a machine has of an iteration, another one finds."""

import json
from pathlib import Path

import pytest

from tutelage.artifacts import iterations
from tutelage.artifacts.object_storage import ObjectStorage
from tutelage.iteration_folder import COMPLETE, IterationFolder
from tutelage.policies.library import digests

ID = "iteration-0001"


@pytest.fixture
def storage(artifacts: str) -> ObjectStorage:
    return ObjectStorage(artifacts)


def complete(folder: IterationFolder, stage: str, **files: str) -> None:
    path = folder.stage(stage)
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    (path / COMPLETE).write_text(json.dumps({"files": digests(path)}))


@pytest.fixture
def here(storage: ObjectStorage, tmp_path: Path) -> IterationFolder:
    folder = IterationFolder(tmp_path / "here" / ID)
    folder.path.mkdir(parents=True)
    folder.config.write_text("seed = 1\n")
    complete(folder, "sft", **{"adapter.safetensors": "w", "metrics.jsonl": "{}",
                               "policy/adapter.safetensors": "large"})  # fmt: skip
    iterations.share_settings(folder, storage)
    iterations.share_stage(folder, "sft", storage)
    return folder


def found(root: Path) -> set[str]:
    return {str(p.relative_to(root / ID)) for p in root.rglob("*") if p.is_file()}


def test_readers_get_all_but_weights_and_a_run_gets_everything(
    here: IterationFolder, storage: ObjectStorage, tmp_path: Path
) -> None:
    root = tmp_path / "there"
    assert iterations.up_to_date(root, storage) == root
    assert found(root) == {"config.toml", "sft/metrics.jsonl", f"sft/{COMPLETE}"}
    iterations.fetch(IterationFolder(root / ID), storage)
    assert digests(root / ID) == digests(here.path)


def test_a_stage_that_another_run_left_half_is_replaced(
    here: IterationFolder, storage: ObjectStorage, tmp_path: Path
) -> None:
    there = IterationFolder(tmp_path / "there" / ID)
    there.sft.mkdir(parents=True)
    there.sft_adapter.write_text("half")
    iterations.fetch(there, storage)
    assert digests(there.path) == digests(here.path)


def test_what_is_forgotten_here_is_forgotten_everywhere(
    here: IterationFolder, storage: ObjectStorage, tmp_path: Path
) -> None:
    iterations.forget(here, here.weights, storage)
    there = iterations.fetch(IterationFolder(tmp_path / "there" / ID), storage)
    assert not here.sft_policy.exists() and not there.sft_policy.exists()
    assert there.sft_adapter.is_file()


def test_a_report_is_found_and_replaced(
    here: IterationFolder, storage: ObjectStorage, tmp_path: Path
) -> None:
    here.plots.mkdir()
    (here.plots / "kl.svg").write_text("<svg/>")
    root = tmp_path / "there"
    for text in ("first", "second"):
        here.report.write_text(text)
        iterations.share_report(here, storage)
    iterations.up_to_date(root, storage)
    assert IterationFolder(root / ID).report.read_text() == "second"
    assert (root / ID / "plots" / "kl.svg").is_file()


def test_a_deleted_iteration_goes_from_every_machine(
    here: IterationFolder, storage: ObjectStorage, tmp_path: Path
) -> None:
    root = iterations.up_to_date(tmp_path / "there", storage)
    iterations.delete(here, storage)
    iterations.up_to_date(root, storage)
    assert not here.path.exists() and not (root / ID).exists()


def test_a_folder_from_before_is_uploaded(storage: ObjectStorage, tmp_path: Path) -> None:
    folder = IterationFolder(tmp_path / "before" / ID)
    complete(folder, "snapshot", **{"digest.json": "{}"})
    folder.config.write_text("seed = 1\n")
    folder.report.write_text("report")
    folder.sft.mkdir()  # interrupted
    assert iterations.upload(folder.path.parent, storage) == 1
    root = iterations.up_to_date(tmp_path / "there", storage)
    assert digests(root / ID) == digests(folder.path)


def test_without_object_storage_folders_are_where_they_are(tmp_path: Path) -> None:
    folder = IterationFolder(tmp_path / ID)
    assert iterations.up_to_date(tmp_path, None) == tmp_path
    assert iterations.fetch(folder, None) == folder
    assert not list(tmp_path.iterdir())
