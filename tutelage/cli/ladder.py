"""``tutelage ladder``: people choose among the rungs of an iteration's ladder."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from tutelage.cli.bars import stage_bars
from tutelage.cli.learning import classifier_of
from tutelage.cli.options import Data, Json, open_data

app = typer.Typer(
    help="Let people choose among an iteration's rungs: compare, show, publish.",
    no_args_is_help=True,
)


@app.command()
def compare(
    iteration_id: str,
    rungs: Annotated[int, typer.Option(help="Rungs of the ladder, 3 to 5.")] = 4,
    prompts: Annotated[int, typer.Option(min=1, max=500, help="Prompts to respond to.")] = 24,
    overlap: Annotated[int, typer.Option(min=1, max=20, help="Labelers per prompt.")] = 1,
    data: Data = None,
) -> None:
    """Write responses of several rungs and of the current policy; labelers rank them blind.

    Example: `tutelage ladder compare iteration-0003 --rungs 4`
    """
    from training.evaluation.evaluate import flagged_by
    from training.jobs.rungs import compare_rungs

    core = open_data(data)
    flag = flagged_by(classifier_of(core))
    with stage_bars() as watch:
        tasks = compare_rungs(core, iteration_id, rungs, prompts, overlap, flag, watch)
    typer.echo(f"{tasks} ranking tasks at the labeling desk.")
    typer.echo(f"The result so far: tutelage ladder show {iteration_id}")


@app.command()
def show(iteration_id: str, data: Data = None, as_json: Json = False) -> None:
    """Print which rung people prefer. Example: `tutelage ladder show iteration-0003`"""
    from tutelage.iterations import iterations
    from tutelage.labeling import rungs

    with open_data(data).store.read() as session:
        choice = rungs.choice(session, iterations.get(session, iteration_id))
    if as_json:
        typer.echo(json.dumps(asdict(choice)))
        return
    typer.echo(f"{choice.ranked} of {choice.tasks} prompts ranked.")
    for rating in choice.ratings:
        interval = f"{rating.elo:5.0f} [{rating.low:.0f}, {rating.high:.0f}]"
        typer.echo(f"{rating.policy_id:24} {interval}  {rating.duels} comparisons")
    if choice.proposed is None:
        typer.echo("No rung is shown to be better than the current policy.")
    elif "@" in choice.proposed:
        typer.echo(f"People prefer it: tutelage ladder publish {choice.proposed}")
    else:
        typer.echo(f"People prefer it: tutelage policies promote {choice.proposed}")


@app.command()
def publish(rung: str, data: Data = None) -> None:
    """Publish a rung as a candidate. Example: `tutelage ladder publish policy-0003@8x0.5`"""
    from training.jobs.rungs import publish_rung

    policy_id = publish_rung(open_data(data), rung, "cli")
    typer.echo(f"Published as {policy_id}. To deploy it: tutelage policies promote {policy_id}")
