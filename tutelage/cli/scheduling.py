"""``tutelage schedule``: when a worker starts iterations automatically."""

import json
import time
from typing import Annotated

import typer

from tutelage.cli.options import Data, Json, Team, open_data, team_id_of

app = typer.Typer(help="Start iterations automatically: show, set.", no_args_is_help=True)


@app.command()
def show(team: Team = None, data: Data = None, as_json: Json = False) -> None:
    """Print the active schedule and the next start. Example: `tutelage schedule show`"""
    from tutelage.iterations import schedule

    with open_data(data).store.read() as session:
        team_id = team_id_of(session, team)
        row = schedule.in_force(session, team_id)
        upcoming = schedule.next_at(session, row, time.time()) if row else None
        ratings = schedule.feedback_since(session, team_id)
    if as_json:
        found = row.model_dump() if row else None
        typer.echo(json.dumps({"schedule": found, "next_at": upcoming, "judgements": ratings}))
        return
    if row is None:
        typer.echo("No schedule: iterations start on request only.")
        return
    if upcoming:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(upcoming))
        typer.echo(f"Cron schedule {row.cron!r}: next start {when} UTC.")
    if row.feedback:
        typer.echo(f"Ratings: {ratings} of {row.feedback} since the newest iteration.")
    passing = (
        f"start a trial with {row.share:.0%} of users" if row.canary else "wait for an operator"
    )
    if row.build_on_undecided:
        typer.echo("Iterations train from an undecided challenger and end its trial.")
    typer.echo(
        f"Preset {row.preset}. Candidates that pass the gate {passing}. "
        f"The weights of {row.keep} policies are kept."
    )


@app.command("set")
def set_(
    cron: Annotated[
        str, typer.Option(help="Cron expression in UTC; '0 3 * * *' is 3:00 every day.")
    ] = "",
    feedback: Annotated[
        int, typer.Option(min=0, help="New ratings that trigger an iteration (0 = off).")
    ] = 0,
    preset: Annotated[
        str, typer.Option(help="smoke, quick, standard, or the path of a TOML file.")
    ] = "quick",
    canary: Annotated[
        bool, typer.Option(help="Start a trial for candidates that pass the gate.")
    ] = True,
    unproven: Annotated[
        bool, typer.Option(help="Also try candidates that are not significantly better.")
    ] = False,
    share: Annotated[float, typer.Option(help="Share of users in a trial.")] = 0.1,
    days: Annotated[
        float, typer.Option(min=0, help="Stop an undecided trial after this many days.")
    ] = 14.0,
    build_on_undecided: Annotated[
        bool,
        typer.Option(help="Train from a challenger whose trial is undecided, and end that trial."),
    ] = False,
    keep: Annotated[
        int, typer.Option(min=1, help="Number of old policies whose weights are kept.")
    ] = 5,
    team: Team = None,
    data: Data = None,
) -> None:
    """Start iterations on a cron schedule and/or after N ratings (omit both to disable).

    Example: `tutelage schedule set --cron '0 3 * * *' --feedback 200`; for the policy of a team:
    `tutelage schedule set --team Support --feedback 100`
    """
    from training.config import IterationConfig
    from tutelage.errors import Invalid
    from tutelage.iterations import schedule
    from tutelage.tables import Schedule

    IterationConfig.load(preset)
    if not 0 < share <= 1:
        raise Invalid(f"The share must be above 0 and at most 1, not {share:g}.", "share")
    row = Schedule(
        author_id="cli", cron=cron, feedback=feedback, preset=preset, canary=canary,
        unproven=unproven, share=share, days=days, build_on_undecided=build_on_undecided, keep=keep,
        enabled=bool(cron or feedback),
    )  # fmt: skip
    with open_data(data).store.write() as session:
        row.team_id = team_id_of(session, team)
        schedule.set_schedule(session, row)
    typer.echo("Schedule saved." if row.enabled else "Schedule switched off.")
