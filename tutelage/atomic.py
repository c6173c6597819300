"""Files and folders that are either whole or absent, also after kill -9 or power loss.

Everything is written beside its place, synced to disk and renamed; then the folder is synced, so
that the rename itself lasts. A writer that is killed leaves at most a hidden ``.NAME.PID.part``.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_text(path: Path, content: str) -> None:
    """Replace a UTF-8 text file: a reader sees the old or the new content, never a part."""
    with file(path) as beside:
        beside.write_bytes(content.encode("utf-8"))


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """A path to write to, which takes its place at ``path`` when the block ends well.

    After an error the old file is untouched and the new one is removed. Raises OSError.
    """
    beside = _beside(path)
    try:
        yield beside
        _sync(beside)
        os.replace(beside, path)
        _sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def directory(path: Path, replace: bool = False) -> Iterator[Path]:
    """An empty folder to fill, which takes its place at ``path`` when the block ends well.

    Raises OSError, also where ``path`` holds files already; with ``replace`` those are moved away
    just before the rename, so that a reader may find no folder for a moment, but never a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside, replaced = _beside(path), _beside(path.with_name(f"{path.name}.old"))
    for leftover in (beside, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        for each in beside.rglob("*"):
            _sync(each)
        _sync(beside)
        if replace and path.exists():
            os.rename(path, replaced)
        os.rename(beside, path)
        _sync(path.parent)
        shutil.rmtree(replaced, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _sync(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
