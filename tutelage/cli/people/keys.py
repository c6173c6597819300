"""``tutelage key``: API keys for client programs."""

from typing import TYPE_CHECKING, Annotated

import typer

from tutelage.cli.options import Data, open_data
from tutelage.tables import Role

if TYPE_CHECKING:
    from tutelage.people.site_keys import SiteRules

app = typer.Typer(help="API keys for client programs.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="User or program that gets the key.")],
    role: Annotated[Role, typer.Option(help="Role of the owner.")] = Role.USER,
    no_training: Annotated[
        bool, typer.Option("--no-training", help="Never train on requests with this key.")
    ] = False,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Make a site key, for pages of this origin (may be repeated)."),
    ] = None,
    per_minute: Annotated[int, typer.Option(min=0, help="Site key: requests per minute.")] = 120,
    per_day: Annotated[int, typer.Option(min=0, help="Site key: prompts per day.")] = 2000,
    visitor_per_minute: Annotated[
        int, typer.Option(min=0, help="Site key: requests per minute and address.")
    ] = 20,
    visitor_per_day: Annotated[
        int, typer.Option(min=0, help="Site key: prompts per day and visitor.")
    ] = 100,
    data: Data = None,
) -> None:
    """Create a key and print its secret, once, at the end of the output.

    Example: `tutelage key create --role operator --name admin`
    """
    from tutelage.errors import Invalid
    from tutelage.people import people, site_keys

    rules = _rules(origin, per_minute, per_day, visitor_per_minute, visitor_per_day)
    if rules and role != Role.USER:
        raise Invalid("A site key stands in web pages: its role is user.", "role")
    core = open_data(data)
    with core.store.write() as session:
        if rules:
            key, secret = site_keys.create(session, name, rules, not no_training, "cli")
        else:
            user = people.key_owner(session, name, role)
            key, secret = people.create_key(session, user, name, not no_training, "cli")
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
            where = f"  {', '.join(key.site['origins'])}" if key.site else ""
            typer.echo(f"{key.id}  {key.prefix}…  {state:8}{training:12}  {key.name}{where}")


@app.command()
def revoke(key_id: str, data: Data = None) -> None:
    """Revoke a key at once. Example: `tutelage key revoke key_18…`"""
    from tutelage.people import people

    with open_data(data).store.write() as session:
        people.revoke_key(session, key_id, actor="cli")
    typer.echo(f"Revoked {key_id}.")


def _rules(origins: list[str] | None, *limits: int) -> "SiteRules | None":
    """The rules of a site key. Raises Invalid for what is not an origin."""
    from pydantic import ValidationError

    from tutelage.errors import Invalid
    from tutelage.people.site_keys import SiteRules

    if not origins:
        return None
    names = ("per_minute", "per_day", "visitor_per_minute", "visitor_per_day")
    try:
        return SiteRules(origins=origins, **dict(zip(names, limits, strict=True)))
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise Invalid(f"{message}.", "origin") from None
