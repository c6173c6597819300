"""Runs an iteration in a process of its own on this machine, at a lower priority than serving."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from typing import IO

from pydantic import SecretStr

from tutelage.settings import Settings

NICENESS = 10
STOP_SECONDS = 30.0


class LocalRunner:
    """``python -m tutelage iterate --id …``: its memory and its crashes stay in that process.

    It ends with us, also when we are killed: its input ends then.

    ``output`` receives the output of the process; without it, it is inherited.
    """

    command: Sequence[str] = (sys.executable, "-m", "tutelage", "iterate", "--while-input")

    def __init__(self, settings: Settings, output: IO[bytes] | None = None) -> None:
        self._environment = environment(settings)
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, iteration_id: str) -> bool:
        """Start the process and wait for its end."""
        process = self._start([*self.command, "--id", iteration_id])
        if process is None:
            return False
        with process.stdin or nullcontext():
            return process.wait() == 0

    def stop(self) -> None:
        """Interrupt the process, which releases its job; kill it when it does not end in time."""
        with self._lock:
            self._stopping = True
            process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()

    def _start(self, command: list[str]) -> subprocess.Popen[bytes] | None:
        """In a process group of its own, so that a terminal's Ctrl-C reaches it only through us.

        Not in a session of its own: Linux schedules by session (autogroup), so its niceness would
        no longer count relative to the service.
        """
        with self._lock:
            if self._stopping:
                return None
            self._process = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=self._output,
                stderr=self._output,
                process_group=0,
            )
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)
            return self._process


def environment(settings: Settings, **changes: object) -> dict[str, str]:
    """Environment variables that give a ``tutelage`` process these settings with changes."""
    values = settings.model_dump() | {"data": settings.data.absolute()} | changes
    texts = {f"TUTELAGE_{name.upper()}": _text(v) for name, v in values.items() if v is not None}
    return os.environ | texts


def _text(value: object) -> str:
    return str(value.get_secret_value() if isinstance(value, SecretStr) else value)
