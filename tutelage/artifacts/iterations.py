"""The folders of iterations in object storage, and local copies of what this machine reads.

A stage is published once it is complete, so an iteration that was killed here is resumed
elsewhere. Without object storage nothing of this does anything: the folders are where they are.
"""

import json
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

from tutelage.artifacts.object_storage import CONTENTS, ObjectStorage
from tutelage.iteration_folder import COMPLETE, STAGES, IterationFolder
from tutelage.policies.library import DELETED, sha256_of

BELOW = "iterations"
SETTINGS, REPORT = "settings", "report"  # beside the stages: what lies outside their folders
_downloading = threading.Lock()


def up_to_date(root: Path, storage: ObjectStorage | None) -> Path:
    """``root`` with all that can be read of all iterations, which is everything but weights."""
    if storage is None:
        return root
    with _downloading:
        for key in storage.listed(BELOW):
            iteration_id, _, part = key.removesuffix(CONTENTS).partition("/")
            folder = IterationFolder(root / iteration_id)
            if key.endswith(DELETED):
                shutil.rmtree(root / key.removesuffix(DELETED), ignore_errors=True)
            elif not _mark(folder, part).is_file():
                _pull(storage, folder, part, papers=True)
    return root


def fetch(folder: IterationFolder, storage: ObjectStorage | None) -> IterationFolder:
    """The folder with all that there is of its iteration, weights included."""
    if storage is None:
        return folder
    with _downloading:
        for key in storage.listed(f"{BELOW}/{folder.id}"):
            _pull(storage, folder, key.removesuffix(CONTENTS))
    return folder


def share_settings(folder: IterationFolder, storage: ObjectStorage | None) -> None:
    """Publish the settings that the iteration begins with."""
    if storage:
        files = {folder.config.name: sha256_of(folder.config)}
        storage.publish(f"{BELOW}/{folder.id}/{SETTINGS}", folder.path, files)


def share_stage(folder: IterationFolder, stage: str, storage: ObjectStorage | None) -> None:
    """Publish a stage that is complete. Raises Conflict where another process has done so."""
    if storage:
        complete = folder.stage(stage) / COMPLETE
        files = json.loads(complete.read_text("utf-8"))["files"]
        there = {name: d for name, d in files.items() if (folder.stage(stage) / name).is_file()}
        storage.publish(
            f"{BELOW}/{folder.id}/{stage}",
            folder.stage(stage),
            {**there, COMPLETE: sha256_of(complete)},
        )


def share_report(folder: IterationFolder, storage: ObjectStorage | None) -> None:
    """Publish the report, or replace it."""
    if storage:
        found = [folder.report, *sorted(folder.plots.glob("*"))]
        files = {str(path.relative_to(folder.path)): sha256_of(path) for path in found}
        storage.publish(f"{BELOW}/{folder.id}/{REPORT}", folder.path, files, replace=True)


def forget(folder: IterationFolder, parts: Iterable[Path], storage: ObjectStorage | None) -> None:
    """Delete folders of stages, large copies that nobody needs any more."""
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
        if storage:
            stage, _, below = part.relative_to(folder.path).as_posix().partition("/")
            storage.drop(
                f"{BELOW}/{folder.id}/{stage}",
                lambda file, start=f"{below}/": file.startswith(start),  # type: ignore[misc]
                {},
            )


def delete(folder: IterationFolder, storage: ObjectStorage | None) -> None:
    """Delete an iteration's folder; other machines delete their copies when they next look."""
    if storage:
        storage.write(f"contents/{BELOW}/{folder.id}{DELETED}", b"")
        for part in (*STAGES, SETTINGS, REPORT):
            storage.remove(f"{BELOW}/{folder.id}/{part}")
    shutil.rmtree(folder.path, ignore_errors=True)


def upload(root: Path, storage: ObjectStorage) -> int:
    """Publish what only this machine has; the number of iterations."""
    folders = [IterationFolder(path.parent) for path in sorted(root.glob("*/config.toml"))]
    for folder in folders:
        share_settings(folder, storage)
        for stage in STAGES:
            if (folder.stage(stage) / COMPLETE).is_file():
                share_stage(folder, stage, storage)
        if folder.report.is_file():
            share_report(folder, storage)
    return len(folders)


def _pull(storage: ObjectStorage, folder: IterationFolder, part: str, papers: bool = False) -> None:
    name = f"{BELOW}/{folder.id}/{part}"
    if part in STAGES:
        storage.pull(name, folder.stage(part), COMPLETE, _is_paper if papers else _is_any)
    else:
        storage.pull(name, folder.path)


def _mark(folder: IterationFolder, part: str) -> Path:
    """The file whose presence says that a part was downloaded."""
    if part in STAGES:
        return folder.stage(part) / COMPLETE
    return folder.config if part == SETTINGS else folder.report


def _is_paper(file: str) -> bool:
    return not file.endswith(".safetensors")


def _is_any(_file: str) -> bool:
    return True
