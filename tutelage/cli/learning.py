"""``tutelage iterate | simulate | demo | prove``: the training loop."""

import json
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tutelage import tracing
from tutelage.cli.bars import stage_bars, steps
from tutelage.cli.options import (
    Data,
    Json,
    Team,
    WhileInput,
    end_with_input,
    open_data,
    settings_for,
    team_id_of,
)
from tutelage.cli.service import local_url
from tutelage.composition import Core
from tutelage.errors import Invalid
from tutelage.tables import IterationState

if TYPE_CHECKING:
    from moderation.classifier import ModerationClassifier
    from training.demo.demo import Result

_BROKEN_OFF = (IterationState.FAILED, IterationState.CANCELLED)

Preference = Annotated[
    str, typer.Option(help="Simulated taste, such as brief, plain or asks-back.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (iterate, simulate, demo, prove):
        app.command()(command)


def iterate(
    preset: Annotated[
        str, typer.Option(help="smoke, quick, standard, or the path of a TOML file.")
    ] = "standard",
    iteration_id: Annotated[
        str, typer.Option("--id", help="Run or resume this iteration instead of a new one.")
    ] = "",
    team: Team = None,
    data: Data = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes of this machine that compute together.")
    ] = 1,
    as_json: Json = False,
    while_input: WhileInput = False,
) -> None:
    """Run one training iteration now: snapshot, SFT, reward model, PPO, evaluation, gate.

    Run the same command again to resume an interrupted iteration.

    Example: `tutelage iterate --preset quick`
    """
    from training import parallel

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as clusters stop a job
    if while_input:
        end_with_input(signal.SIGINT)
    with parallel.ranks() as leads:
        if not leads:
            import_module("training.iteration.stages")  # while rank 0 does so, which takes seconds
            parallel.follow()
            return
        core = open_data(data)
        chosen = iteration_id or _unfinished(core) or _requested(core, preset, team)
        if processes > 1:
            _launch(core, chosen, processes, as_json)
        else:
            _run(core, chosen, as_json)


def _requested(core: Core, preset: str, team: str | None) -> str:
    from training.iteration.run import request_iteration

    with core.store.read() as session:
        team_id = team_id_of(session, team)
    return request_iteration(core, preset, "cli", team_id).id


def _launch(core: Core, iteration_id: str, processes: int, as_json: bool) -> None:
    """Run it in processes of their own, which print what comes of it."""
    from training.jobs.runners.torchrun import launch
    from tutelage.iterations import iterations

    data = str(core.settings.data.absolute())
    command = ["iterate", "--id", iteration_id, "--data", data]
    launch(processes, [*command, "--json"] if as_json else command)
    with core.store.read() as session:
        state = iterations.get(session, iteration_id).state
    if state in iterations.UNFINISHED or state in _BROKEN_OFF:
        raise typer.Exit(1)


def _run(core: Core, iteration_id: str, as_json: bool) -> None:
    from training.iteration.run import run_iteration

    tracing.trace_as("tutelage-iteration")
    with stage_bars() as watch:
        outcome = run_iteration(core, iteration_id, classifier_of(core), watch)
    typer.echo(f"{outcome.iteration_id}: {outcome.decision}")
    for reason in outcome.reasons:
        typer.echo(f"  - {reason}")
    if outcome.report:
        typer.echo(f"Report: {outcome.report}")
    if outcome.policy_id:
        typer.echo(f"To deploy it: tutelage policies promote {outcome.policy_id}")
    if as_json:
        typer.echo(json.dumps(outcome.summary()))


def simulate(
    url: Annotated[
        str, typer.Option(help="URL of the running service (default: from TUTELAGE_PORT).")
    ] = "",
    users: Annotated[int, typer.Option(min=1, help="Number of simulated users.")] = 6,
    prompts: Annotated[int, typer.Option(min=1, help="Number of prompts.")] = 60,
    preference: Preference = "brief",
    seed: Annotated[int, typer.Option(help="Random seed.")] = 7,
    data: Data = None,
) -> None:
    """Simulate users who chat with a running service and rate answers (via the REST API).

    Example: `tutelage simulate --users 6 --preference brief`
    """
    from training.demo.preferences import PREFERENCES
    from training.demo.simulated_users import Habits, require_ready, shipped_prompts, teach

    if preference not in PREFERENCES:
        raise Invalid(f"Unknown preference {preference!r}. Choose one of {', '.join(PREFERENCES)}.")
    core = open_data(data)
    url = url or local_url(core.settings, core.settings.port)
    require_ready(url)
    with _simulated(core, users) as keys, steps() as say:
        taught = teach(
            url, keys, PREFERENCES[preference], shipped_prompts()[:prompts], Habits(seed=seed), say
        )
    typer.echo(", ".join(f"{count} {what}" for what, count in vars(taught).items()))


def demo(
    preference: Preference = "brief",
    preset: Annotated[str, typer.Option(help="Training preset.")] = "quick",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Run the whole loop: simulated users give feedback, one iteration trains, they rate again.

    Needs an empty data folder (--data DIR; default: a new one). Takes 5 to 20 minutes on two cores.

    Example: `tutelage demo --preference brief`
    """
    from training.demo.demo import Scale, run_demo

    folder = data or Path(tempfile.mkdtemp(prefix=f"tutelage-demo-{preference}-"))
    with steps() as say:
        result = run_demo(preference, settings_for(folder), Scale(preset=preset), say)
    _print_result(result)
    if as_json:
        typer.echo(json.dumps(result.summary()))
    raise typer.Exit(0 if result.succeeded else 1)


def prove(
    preference: Annotated[
        list[str] | None,
        typer.Option(help="Taste to teach; repeat for several (default: six contrary tastes)."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds; five give an interval.")] = 5,
    preset: Annotated[str, typer.Option(help="Training preset.")] = "quick",
    data: Annotated[Path, typer.Option(help="Folder; what is there is not run again.")] = Path(
        "proof"
    ),
    jobs: Annotated[int, typer.Option(min=1, help="Tastes and seeds that run at once.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure what teaching gains over controls that learn without the preference.

    Per taste and seed: simulated users teach, then four iterations learn from the rankings as
    given, without a reward, from shuffled rankings, and from rankings turned round. Run the command
    again to continue an interrupted run.

    Example: `tutelage prove --preference plain --preference detailed --seeds 2`
    """
    from training.demo.demo import Scale
    from training.demo.proof import TASTES, effects
    from training.demo.proof import prove as run
    from training.demo.proof_page import HEADER, rows, write_page

    with steps() as say:
        results = run(
            preference or TASTES, range(1, seeds + 1), settings_for(data),
            Scale(preset=preset), say, jobs,
        )  # fmt: skip
    found = list(effects(results))
    _print_table(HEADER, rows(found))
    typer.echo(f"Page: {write_page(data, results)}")
    if as_json:
        typer.echo(json.dumps([effect._asdict() for effect in found], default=vars))


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _print_result(result: "Result") -> None:
    from rich.console import Console
    from rich.table import Table

    sides = [side for side in (result.before, result.after) if side]
    table = Table("", *(side.policy_id for side in sides))
    table.add_row("preference", *(f"{side.preference:+.2f}" for side in sides))
    table.add_row("words per answer", *(f"{side.words:.1f}" for side in sides))
    table.add_row("complete answers", *(f"{side.finished:.0%}" for side in sides))
    console = Console()
    console.print(table)
    if result.gain and result.won is not None and result.kl is not None:
        console.print(
            f"Gain {result.gain}; win rate {result.won:.0%} on unseen prompts; "
            f"KL {result.kl:.1f} nats; {sum(result.minutes.values()):.1f} minutes."
        )
    console.print(f"Gate decision: {result.decision}.")
    for reason in result.reasons:
        console.print(f"  - {reason}")
    console.print(f"Report: {result.report}")


def _unfinished(core: Core) -> str:
    from tutelage.iterations import iterations

    with core.store.read() as session:
        iteration = iterations.unfinished(session)
    return iteration.id if iteration else ""


def classifier_of(core: Core) -> "ModerationClassifier | None":
    if core.settings.moderation == "off":
        return None
    from moderation.classifiers.embedded import EmbeddedClassifier

    return EmbeddedClassifier.load()


@contextmanager
def _simulated(core: Core, count: int) -> Iterator[list[str]]:
    """Keys of new users, revoked at the end; when the simulation fails, the users are erased."""
    from tutelage.people import people
    from tutelage.people.erasure import erase_user

    made = {}
    with core.store.write() as session:
        for _ in range(count):
            user = people.create_user(session, people.free_name(session, "simulated"))
            made[user.id] = people.create_key(session, user, user.name, actor="cli")
    try:
        yield [secret for _, secret in made.values()]
    except BaseException:
        for user_id in made:
            erase_user(core.store, core.iterations, user_id)
        raise
    with core.store.write() as session:
        for key, _ in made.values():
            people.revoke_key(session, key.id, actor="cli")
