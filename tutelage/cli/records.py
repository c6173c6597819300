"""``tutelage iterations | people | audit list``: what the operator's pages list."""

import json
import time
from typing import Annotated, Any

import typer
from sqlmodel import col, select

from tutelage.cli.options import Data, Json, open_data
from tutelage.tables import AuditEvent, Role, User

iterations_app = typer.Typer(help="Iterations: list, show.", no_args_is_help=True)
people_app = typer.Typer(help="Users with an account, a role or a key: list.", no_args_is_help=True)

HIDDEN = {"password_hash", "folded"}  # of users
Limit = Annotated[int, typer.Option(min=1, help="Rows at most.")]


@iterations_app.command("list")
def list_iterations(limit: Limit = 50, data: Data = None, as_json: Json = False) -> None:
    """List the iterations, newest first. Example: `tutelage iterations list`"""
    from tutelage.iterations import iterations

    with open_data(data).store.read() as session:
        rows = iterations.listed(session)[:limit]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        made = f"{row.parent_policy_id} -> {row.policy_id or '-'}"
        typer.echo(f"{row.id}  {_when(row.created_at)}  {row.state:10}  {row.preset:8}  {made}")
    if not rows:
        typer.echo("No iterations yet. `tutelage iterate` runs one.")


@iterations_app.command()
def show(iteration_id: str, data: Data = None, as_json: Json = False) -> None:
    """Show an iteration: its state, stages and reasons.

    Example: `tutelage iterations show iteration-0001`
    """
    from tutelage.iterations import iterations

    with open_data(data).store.read() as session:
        row = iterations.get(session, iteration_id)
    if as_json:
        typer.echo(json.dumps(row.model_dump()))
        return
    made = f"{row.parent_policy_id} -> {row.policy_id or '-'}"
    typer.echo(f"{row.id}  {row.state}  {row.preset}  {made}")
    for name, cost in row.metrics.get("stages", {}).items():
        typer.echo(f"  {name:14} {cost['seconds']:8.1f} s {cost['peak_memory_mb']:8.0f} MB")
    for reason in row.reasons:
        typer.echo(f"  {reason}")


@people_app.command("list")
def list_people(
    role: Annotated[Role | None, typer.Option(help="Only this role.")] = None,
    limit: Limit = 50,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the users, newest first, without guests.

    Example: `tutelage people list --role labeler`
    """
    from tutelage.people import people

    statement = select(User).where(people.registered()).order_by(col(User.seq).desc())
    if role:
        statement = statement.where(User.role == role)
    with open_data(data).store.read() as session:
        rows = list(session.exec(statement.limit(limit)))
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        state = "disabled" if row.disabled_at else "active"
        typer.echo(f"{row.id}  {_when(row.created_at)}  {row.role:8}  {state:8}  {row.name}")
    if not rows:
        typer.echo("No users yet. `tutelage sign-in-link` makes the first operator.")


def list_audit(limit: Limit = 50, data: Data = None, as_json: Json = False) -> None:
    """List the audit log, newest first. Example: `tutelage audit list --limit 20`"""
    from tutelage.people import people

    statement = select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(limit)
    with open_data(data).store.read() as session:
        rows = list(session.exec(statement))
        names = people.names(session, [each for row in rows for each in (row.actor, row.subject)])
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        actor, subject = (names.get(each, each) for each in (row.actor, row.subject))
        details = " ".join(f"{name}={value}" for name, value in row.details.items())
        typer.echo(
            f"{row.seq:6}  {_when(row.at)}  {actor}  {row.action}  {subject}  {details}".rstrip()
        )


def _print_json(rows: list[Any]) -> None:
    typer.echo(json.dumps([row.model_dump(exclude=HIDDEN) for row in rows], default=str))


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))
