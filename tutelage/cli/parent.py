"""A process that ends with the one that started it, however that one ended: its input closes."""

import os
import signal
import threading
import time
from typing import Annotated

import typer

WhileInput = Annotated[bool, typer.Option("--while-input", hidden=True)]
LAST_SECONDS = 30.0


def end_with_input(name: signal.Signals) -> None:
    """Raise the signal in this process when its standard input ends; exit when that is no use.

    The descriptor is read without Python's buffer, whose lock would be held at exit.
    """

    def wait() -> None:
        while os.read(0, 4096):
            pass
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, name)  # wakes it, also where it waits for a process
        time.sleep(LAST_SECONDS)
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()
