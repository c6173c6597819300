"""Runs another trainer as a process of its own, which ends with its iteration."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from tutelage.errors import Invalid, Unavailable

EVERY = 1.0  # seconds between two looks at it
GRACE = 10.0  # seconds that it gets to end when it is told to
TOLD = 2000  # characters of its output that an error quotes


def run_trainer(
    command: Sequence[str], folder: Path, log: Path, hours: float, alive: Callable[[], None]
) -> None:
    """Run it in ``folder``, with its output in ``log``, and wait for its end.

    It gets none of our settings, as they hold secrets. One that outlived the iteration that started
    it is waited for. ``alive`` is called all along; if that raises, the trainer is ended.

    Raises: Invalid: there is no such program. Unavailable: it failed, or took longer.
    """
    given = {n: value for n, value in os.environ.items() if not n.upper().startswith("TUTELAGE_")}
    deadline = time.monotonic() + 3600 * hours
    with (folder / ".lock").open("w") as lock, log.open("ab") as output:
        _hold(lock, alive)
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=given, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, pass_fds=(lock.fileno(),),
            )  # fmt: skip
        except OSError as error:
            problem = f"The trainer {command[0]!r} cannot be run: {error.strerror}."
            raise Invalid(problem, "trainer.command") from error
        try:
            while process.poll() is None:
                alive()
                if time.monotonic() > deadline:
                    raise Unavailable(f"The trainer did not end within {hours:g} hours.")
                _wait(process, EVERY)
        finally:
            _end(process)
    if process.returncode:
        said = log.read_bytes()[-TOLD:].decode("utf-8", "replace").strip()
        raise Unavailable(
            f"The trainer failed (exit code {process.returncode}); its output is in {log}. It ends "
            f"with: {said or 'nothing'}"
        )


def _hold(lock: IO[str], alive: Callable[[], None]) -> None:
    """Take the lock, which a trainer holds as long as it runs."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            alive()
            time.sleep(EVERY)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started, if it still runs."""
    for wish in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, wish)
            _wait(process, GRACE)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
