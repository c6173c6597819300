"""``tutelage up | serve | worker | setup | sign-in-link``: the service."""

import errno
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.options import Data, WhileInput, end_with_input, open_data, settings_for
from tutelage.composition import Core, open_core, open_existing
from tutelage.errors import Unavailable
from tutelage.settings import Settings
from tutelage.tables import Role

Host = Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Port to listen on (default 8000).")]
OPERATOR = "operator"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (up, serve, worker, setup):
        app.command()(command)
    app.command("sign-in-link")(sign_in_link)


def up(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Run the chat service and a worker that runs queued iterations.

    Example: `tutelage up --port 8080`
    """
    _end_at_sigterm()
    core = _ready_core(host, port, data)
    with _worker_beside(core):
        _serve(core)


def serve(
    host: Host = None, port: Port = None, data: Data = None, while_input: WhileInput = False
) -> None:
    """Run the chat service only; iterations need `tutelage worker` or `tutelage iterate`.

    Example: `tutelage serve --host 0.0.0.0`
    """
    _end_at_sigterm()
    if while_input:
        end_with_input(signal.SIGTERM)
    _serve(_ready_core(host, port, data))


def worker(data: Data = None, while_input: WhileInput = False) -> None:
    """Run queued iterations, one at a time. Example: `tutelage worker`"""
    from training.jobs.worker import run_worker
    from tutelage.text.json_logs import log_as

    if while_input:
        end_with_input(signal.SIGTERM)
    core = open_data(data)
    log_as(core.settings.log_format)
    run_worker(core)


def setup(data: Data = None) -> None:
    """Create the data folder, database and base policy. Example: `tutelage setup`"""
    core = open_core(settings_for(data))
    _ensure_base(core)
    typer.echo(f"{core.settings.data.absolute()} is ready.")


def sign_in_link(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Print a one-time operator sign-in link, valid for 1 hour.

    Example: `tutelage sign-in-link`
    """
    core = open_existing(settings_for(data, host=host, port=port))
    typer.echo(
        f"Valid once, for 1 hour, at the service of {core.settings.data.absolute()}:", err=True
    )
    typer.echo(_operator_link(core, _url(core.settings, core.settings.port)))


def _ready_core(host: str | None, port: int | None, data: Data) -> Core:
    settings = settings_for(data, host=host, port=port)
    _check_port(settings.host, settings.port)
    core = open_core(settings)
    _ensure_base(core)
    return core


def _ensure_base(core: Core) -> None:
    from tutelage.policies.base import ensure_base

    if not core.library.ids():
        typer.echo("Creating the base policy (once, about a minute) …")
    ensure_base(core.store, core.library, core.settings.base_model)


def _serve(core: Core) -> None:
    from server.app_state import AppState
    from server.process import Server
    from server.services import open_services

    def listening(port: int, state: AppState) -> None:
        if state.policies.problem:
            typer.secho(f"warning: {state.policies.problem}", fg="yellow", err=True)
        url = _url(core.settings, port)
        typer.echo(f"\n  Chat              {url}\n  Operator sign-in  {_sign_in(core, url)}\n")

    typer.echo(f"Loading {_current(core)} …")
    Server(open_services(core), listening).run()


def _end_at_sigterm() -> None:
    """SIGTERM is an ordinary end, also while the service is starting."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())


def _current(core: Core) -> str:
    from tutelage.policies import deployment

    with core.store.read() as session:
        version = deployment.current(session)
    return version.id if version else "no policy"


def _sign_in(core: Core, url: str) -> str:
    """A link for a person at a terminal; a log must not hold one."""
    again = f"{_program()} sign-in-link"
    if core.settings.data != Settings().data:
        again += f" --data {core.settings.data}"
    if not sys.stdout.isatty():
        return f"`{again}` prints a one-time link"
    return f"{_operator_link(core, url)}\n{' ' * 20}(one-time, valid 1 h; new link: `{again}`)"


def _program() -> str:
    """The command as it can be typed in this shell."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m tutelage"
    known = shutil.which(called.name)
    return called.name if known and Path(known).samefile(called) else str(called)


def _operator_link(core: Core, url: str) -> str:
    from tutelage.people import people

    with core.store.write() as session:
        people.forget_expired(session)
        user = people.find_user(session, OPERATOR, Role.OPERATOR)
        user = user or people.create_user(session, OPERATOR, Role.OPERATOR)
        secret = people.create_link(session, user, actor="cli")
    return f"{url}/sign-in?token={secret}"


def _url(settings: Settings, port: int) -> str:
    """Where people reach the service."""
    return settings.public_url.rstrip("/") or local_url(settings, port)


def local_url(settings: Settings, port: int) -> str:
    """Where programs on this machine reach the service."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable(_port_problem(host, port, error)) from error


def _port_problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is already in use. Stop the other process or pass --port."
    return f"Cannot listen on {host}:{port} ({error.strerror}). Pass another --host or --port."


@contextmanager
def _worker_beside(core: Core) -> Iterator[None]:
    """A worker that ends with us, also when we are killed: its input ends then."""
    command = [sys.executable, "-m", "tutelage", "worker", "--while-input"]
    command += ["--data", str(core.settings.data)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
