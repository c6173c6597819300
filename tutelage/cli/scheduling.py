"""``tutelage schedule``: when iterations start by themselves."""

import json
import time
from typing import Annotated

import typer

from tutelage.cli.options import Data, Json, open_data

app = typer.Typer(help="When iterations start by themselves: show, set.", no_args_is_help=True)


@app.command()
def show(data: Data = None, as_json: Json = False) -> None:
    """Print the schedule in force, and what comes next. Example: `tutelage schedule show`"""
    from tutelage.iterations import schedule

    with open_data(data).store.read() as session:
        row = schedule.in_force(session)
        upcoming = schedule.next_at(session, row, time.time()) if row else None
        judgements = schedule.feedback_since(session)
    if as_json:
        found = row.model_dump() if row else None
        typer.echo(json.dumps({"schedule": found, "next_at": upcoming, "judgements": judgements}))
        return
    if row is None:
        typer.echo("No schedule is in force: iterations start on request.")
        return
    if upcoming:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(upcoming))
        typer.echo(f"By the clock ({row.cron}): next at {when} UTC.")
    if row.feedback:
        typer.echo(f"By judgements: {judgements} of {row.feedback} since the newest iteration.")
    trial = (
        f"on trial with {row.share:.0%} of the people" if row.canary else "waits for an operator"
    )
    typer.echo(
        f"Preset {row.preset}; a candidate that passes {trial}; {row.keep} policies are kept."
    )


@app.command("set")
def set_(
    cron: Annotated[str, typer.Option(help="Five fields, UTC: '0 3 * * *' is 3:00 each day.")] = "",
    feedback: Annotated[int, typer.Option(min=0, help="Start after so many judgements.")] = 0,
    preset: Annotated[str, typer.Option(help="smoke, quick, standard, or a TOML file.")] = "quick",
    canary: Annotated[bool, typer.Option(help="Candidates that pass go on trial.")] = True,
    unproven: Annotated[bool, typer.Option(help="So do those that are no worse.")] = False,
    share: Annotated[float, typer.Option(help="Of the people, in a trial.")] = 0.1,
    days: Annotated[float, typer.Option(min=0, help="Then an undecided trial stops.")] = 14.0,
    keep: Annotated[int, typer.Option(min=1, help="Policies whose weights are kept.")] = 5,
    data: Data = None,
) -> None:
    """Let a worker start iterations by the clock, by judgements, or both; neither switches it off.

    Example: `tutelage schedule set --cron '0 3 * * *' --feedback 200`
    """
    from training.config import IterationConfig
    from tutelage.errors import Invalid
    from tutelage.iterations import schedule
    from tutelage.tables import Schedule

    IterationConfig.load(preset)
    if not 0 < share <= 1:
        raise Invalid(f"The share is a number above 0 and up to 1, not {share:g}.", "share")
    row = Schedule(
        author_id="cli", cron=cron, feedback=feedback, preset=preset, canary=canary,
        unproven=unproven, share=share, days=days, keep=keep, enabled=bool(cron or feedback),
    )  # fmt: skip
    with open_data(data).store.write() as session:
        schedule.set_schedule(session, row)
    typer.echo("The schedule is in force." if row.enabled else "The schedule is switched off.")
