"""Options and openings that the commands share, and the end of a process with its parent."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlmodel import Session

from tutelage.composition import Core, open_existing
from tutelage.errors import Invalid
from tutelage.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder (or TUTELAGE_DATA; default ./data).", metavar="DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON at the end.")]
Team = Annotated[str | None, typer.Option(help="Name or id of a team: its own policy.")]
WhileInput = Annotated[bool, typer.Option("--while-input", hidden=True)]
LAST_SECONDS = 30.0


def settings_for(data: Path | None, **overrides: Any) -> Settings:
    """Settings from the environment, overridden by the command line."""
    given = {"data": data, **overrides}
    try:
        return Settings(**{name: v for name, v in given.items() if v is not None})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = f"TUTELAGE_{str(wrong['loc'][0]).upper()}"
        raise Invalid(f"Invalid {name}={wrong['input']!r}: {wrong['msg']}.", name) from error


def team_id_of(session: Session, team: str | None) -> str | None:
    """The id of a chosen team. Raises NotFound."""
    from tutelage.people import teams

    return teams.get(session, team).id if team else None


def open_data(data: Path | None) -> Core:
    """The store and policy library of a data folder that the service has made."""
    return open_existing(settings_for(data))


def end_with_input(name: signal.Signals) -> None:
    """Raise the signal in this process when its standard input ends; exit when that is no use.

    So it ends with the process that started it, however that one ended.

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
