"""``tutelage up | serve | worker | setup | sign-in-link``: the running service."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from tutelage.cli.options import Data, open_data, settings_for
from tutelage.composition import Core, open_core
from tutelage.errors import Unavailable
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
    """Serve the chat and run queued iterations beside it.

    Example: `tutelage up --port 8080`
    """
    core = _ready_core(host, port, data)
    with _worker_beside(core):
        _serve(core)


def serve(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Serve the chat only; iterations need `tutelage worker` or `tutelage iterate`.

    Example: `tutelage serve --host 0.0.0.0`
    """
    _serve(_ready_core(host, port, data))


def worker(
    data: Data = None,
    while_input: Annotated[
        bool, typer.Option("--while-input", help="Stop when the standard input ends.")
    ] = False,
) -> None:
    """Run iterations that operators queue, one at a time. Example: `tutelage worker`"""
    from training.jobs.worker import run_worker

    run_worker(open_data(data), sys.stdin.buffer if while_input else None)


def setup(data: Data = None) -> None:
    """Prepare the data folder: database and base policy. Example: `tutelage setup`"""
    core = open_data(data)
    _ensure_base(core)
    typer.echo(f"{core.settings.data} is ready.")


def sign_in_link(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Print a link that signs an operator in once, within an hour.

    Example: `tutelage sign-in-link`
    """
    core = open_core(settings_for(data, host=host, port=port))
    typer.echo(_operator_link(core))


def _ready_core(host: str | None, port: int | None, data: Data) -> Core:
    settings = settings_for(data, host=host, port=port)
    _check_port(settings.host, settings.port)
    core = open_core(settings)
    _ensure_base(core)
    return core


def _ensure_base(core: Core) -> None:
    from tutelage.policies.base import ensure_base

    if not core.library.ids():
        typer.echo("Making the base policy (once, about half a minute) …")
    ensure_base(core.store, core.library, core.settings.base_model)


def _serve(core: Core) -> None:
    import uvicorn

    from server.app import create_app
    from server.services import open_services

    typer.echo(
        f"\n  Chat      {_url(core)}\n  Operator  {_operator_link(core)}\n"
        "            (works once, within an hour; `tutelage sign-in-link` makes another)\n"
    )
    app = create_app(open_services(core))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # uvicorn raises it again at its end
    uvicorn.run(
        app,
        host=core.settings.host,
        port=core.settings.port,
        log_level="warning",
        timeout_graceful_shutdown=10,
        proxy_headers=bool(core.settings.trusted_proxies),
        forwarded_allow_ips=core.settings.trusted_proxies,
    )


def _operator_link(core: Core) -> str:
    from tutelage.people import people

    with core.store.write() as session:
        people.forget_expired(session)
        user = people.find_user(session, OPERATOR, Role.OPERATOR)
        user = user or people.create_user(session, OPERATOR, Role.OPERATOR)
        secret = people.create_link(session, user, actor="cli")
    return f"{_url(core)}/sign-in?token={secret}"


def _url(core: Core) -> str:
    host = "127.0.0.1" if core.settings.host == "0.0.0.0" else core.settings.host
    return f"http://{host}:{core.settings.port}"


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable(
                f"{host}:{port} cannot be used ({error.strerror}). "
                "Stop what listens there or choose another with --port."
            ) from error


@contextmanager
def _worker_beside(core: Core) -> Iterator[None]:
    """A worker that ends with us, even where we are killed: its input ends then."""
    command = [sys.executable, "-m", "tutelage", "worker", "--while-input"]
    command += ["--data", str(core.settings.data)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ})
    try:
        yield
    finally:
        process.terminate()
        process.wait()
