"""``tutelage teams``: teams and who is in them."""

from typing import TYPE_CHECKING, Annotated

import typer

from tutelage.cli.options import Data, open_data

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(help="Teams: create, list, rename, fill and delete them.", no_args_is_help=True)
TeamName = Annotated[str, typer.Argument(help="Name or id of the team.")]
User = Annotated[str, typer.Argument(help="Name that the user signs in with, or the user's id.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the team.")], data: Data = None
) -> None:
    """Create a team; chats of its members teach a policy of the team alone from then on.

    Example: `tutelage teams create Support`
    """
    from tutelage.people import teams

    with open_data(data).store.write() as session:
        team = teams.create(session, name, "cli")
        typer.echo(f"Created {team.id}, {team.name}.")


@app.command("list")
def list_teams(data: Data = None) -> None:
    """List the teams with their members. Example: `tutelage teams list`"""
    from tutelage.people import teams

    with open_data(data).store.read() as session:
        for team in teams.listed(session):
            names = ", ".join(each.name for each in teams.members(session, team.id))
            typer.echo(f"{team.id}  {team.name}: {names or 'no members'}")


@app.command()
def rename(team: TeamName, name: str, data: Data = None) -> None:
    """Rename a team. Example: `tutelage teams rename Support Helpdesk`"""
    from tutelage.people import teams

    with open_data(data).store.write() as session:
        found = teams.get(session, team)
        teams.rename(session, found.id, name, "cli")
        typer.echo(f"{found.id} is called {found.name} now.")


@app.command()
def add(team: TeamName, user: User, data: Data = None) -> None:
    """Put a user into a team and out of any other. Example: `tutelage teams add Support ada`"""
    from tutelage.people import teams

    with open_data(data).store.write() as session:
        found = teams.get(session, team)
        teams.join(session, _user_id(session, user), found.id, "cli")
        typer.echo(f"{user} is in {found.name} now.")


@app.command()
def remove(user: User, data: Data = None) -> None:
    """Take a user out of their team. Example: `tutelage teams remove ada`"""
    from tutelage.people import teams

    with open_data(data).store.write() as session:
        teams.join(session, _user_id(session, user), None, "cli")
    typer.echo(f"{user} is in no team now.")


@app.command()
def delete(team: TeamName, data: Data = None) -> None:
    """Delete a team with its policies and all that they were trained on.

    Its members keep their chats, which teach no policy any more.

    Example: `tutelage teams delete Support`
    """
    from tutelage.people import teams
    from tutelage.people.team_deletion import delete_team

    core = open_data(data)
    with core.store.read() as session:
        found = teams.get(session, team)
    policies = delete_team(
        core.store, core.library, core.iterations, core.settings.data / "limitations", found.id,
        "cli", core.storage,
    )  # fmt: skip
    typer.echo(f"Deleted the team {found.name}{', ' if policies else ''}{', '.join(policies)}.")


def _user_id(session: "Session", user: str) -> str:
    """Of the account with that login, else the text itself."""
    from tutelage.people import accounts

    found = accounts.by_login(session, user)
    return found.id if found else user
