import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tutelage import atomic

ROOT = Path(__file__).parents[2]
WRITER = """
import itertools, sys
from pathlib import Path
from tutelage import atomic

path = Path(sys.argv[1])
for number in itertools.count():
    atomic.write_text(path / "file", f"{number % 10}" * 500_000)
    with atomic.directory(path / "folder", replace=True) as folder:
        for name in "abc":
            (folder / name).write_text(f"{number % 10}" * 1000)
    if number == 0:
        print("ready", flush=True)
"""


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    for number in range(3):
        atomic.write_text(tmp_path / "state.json", f"{number} é")
    assert (tmp_path / "state.json").read_text("utf-8") == "2 é"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_after_an_error_the_old_file_stands(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    with pytest.raises(RuntimeError), atomic.file(tmp_path / "f") as beside:
        beside.write_text("half")
        raise RuntimeError
    assert (tmp_path / "f").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_a_directory_that_fails_to_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    with atomic.directory(tmp_path / "d") as beside:
        (beside / "x").write_text("old")
    with (
        pytest.raises(OSError, match="disk full"),
        atomic.directory(tmp_path / "d", replace=True) as beside,
    ):
        (beside / "x").write_text("new")
        raise OSError("disk full")
    assert (tmp_path / "d" / "x").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["d"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.write_text(tmp_path / "no" / "f", "x")


def test_a_directory_that_has_files_is_replaced_only_on_request(tmp_path: Path) -> None:
    for replace in (False, True):
        with atomic.directory(tmp_path / "d", replace) as beside:
            (beside / f"{replace}").touch()
    assert [entry.name for entry in (tmp_path / "d").iterdir()] == ["True"]
    with pytest.raises(OSError), atomic.directory(tmp_path / "d") as beside:
        (beside / "other").touch()
    assert [entry.name for entry in tmp_path.rglob("*")] == ["d", "True"]


def test_bytes_are_synced_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        seen.append("sync folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync file")
        sync(descriptor)

    def note_replace(source: Path, target: Path) -> None:
        seen.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    atomic.write_text(tmp_path / "f", "x")
    assert seen == ["sync file", "rename", "sync folder"]


def test_kill_9_leaves_only_whole_files(tmp_path: Path) -> None:
    for attempt in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.03 + attempt * 0.011)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        content = (tmp_path / "file").read_text()
        assert len(content) == 500_000 and len(set(content)) == 1
        if (tmp_path / "folder").is_dir():
            texts = {each.name: each.read_text() for each in (tmp_path / "folder").iterdir()}
            assert sorted(texts) == ["a", "b", "c"] and len(set(texts.values())) == 1
