"""Commits are on the disk when they are said to be, and one flush serves many of them."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import Session

from tutelage.people import people
from tutelage.store import Store, WriteAheadLog

PATIENCE_S = 30


class Disk:
    """Stands for ``os.fsync``: every flush waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.flushes = 0
        monkeypatch.setattr(os, "fsync", self._flush)

    def _flush(self, _descriptor: int) -> None:
        self.flushes += 1
        self.begun.release()
        assert self.go.acquire(timeout=PATIENCE_S)


@pytest.fixture
def log(tmp_path: Path) -> WriteAheadLog:
    path = tmp_path / "log"
    path.touch()
    return WriteAheadLog(str(path))


def test_those_who_come_while_a_flush_runs_share_the_next(
    log: WriteAheadLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(log.keep)
        assert disk.begun.acquire(timeout=PATIENCE_S)
        others = [threads.submit(log.keep) for _ in range(5)]
        while len(log._changed._waiters) < 5:  # type: ignore[attr-defined]
            pass
        disk.go.release()
        first.result(PATIENCE_S)
        assert disk.begun.acquire(timeout=PATIENCE_S)
        assert not any(other.done() for other in others)
        disk.go.release()
        for other in others:
            other.result(PATIENCE_S)
    assert disk.flushes == 2


def test_a_disk_that_fails_fails_the_writer_and_the_next_flush_is_tried(
    log: WriteAheadLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="the disk is gone"):
            log.keep()
    log.keep()


def test_a_commit_is_flushed_and_a_failed_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'tutelage.db'}")
    store.migrate()
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: flushed.append(os.fstat(fd).st_ino))
    with pytest.raises(RuntimeError), store.write() as session:
        _add(session)
        raise RuntimeError
    assert flushed == []
    with store.write() as session:
        _add(session)
    assert flushed == [(tmp_path / "tutelage.db-wal").stat().st_ino]
    store.close()


def _add(session: Session) -> None:
    people.create_user(session, "ada")
