"""``tutelage key``: API keys for client programs."""

from typing import Annotated

import typer

from tutelage.cli.options import Data, open_data
from tutelage.tables import Role

app = typer.Typer(help="API keys for client programs.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="User or program that gets the key.")],
    role: Annotated[Role, typer.Option(help="Role of the owner.")] = Role.USER,
    no_training: Annotated[
        bool, typer.Option("--no-training", help="Never train on requests with this key.")
    ] = False,
    data: Data = None,
) -> None:
    """Create a key and print its secret, once, at the end of the output.

    Example: `tutelage key create --role operator --name admin`
    """
    from tutelage.people import people

    core = open_data(data)
    with core.store.write() as session:
        user = people.key_owner(session, name, role)
        key, secret = people.create_key(session, user, name, training=not no_training, actor="cli")
    typer.echo(
        f"Key {key.id} for {name} ({role}).\nSave this secret; it will not be shown again: {secret}"
    )


@app.command("list")
def list_keys(data: Data = None) -> None:
    """List the keys, without their secrets. Example: `tutelage key list`"""
    from sqlmodel import col, select

    from tutelage.tables import ApiKey

    with open_data(data).store.read() as session:
        for key in session.exec(select(ApiKey).order_by(col(ApiKey.seq))):
            state = "revoked" if key.revoked_at else "active"
            training = "training" if key.training else "no training"
            typer.echo(f"{key.id}  {key.prefix}…  {state:8}{training:12}  {key.name}")


@app.command()
def revoke(key_id: str, data: Data = None) -> None:
    """Revoke a key at once. Example: `tutelage key revoke key_18…`"""
    from tutelage.people import people

    with open_data(data).store.write() as session:
        people.revoke_key(session, key_id, actor="cli")
    typer.echo(f"Revoked {key_id}.")
