"""``tutelage policies``: inspect, deploy, check and export policies."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.bars import stage_bars, steps
from tutelage.cli.options import Data, Json, Team, open_data, team_id_of

app = typer.Typer(
    help="Policies: list, show, promote, roll back, verify, evaluate, export, push, pull.",
    no_args_is_help=True,
)


@app.command("list")
def list_policies(data: Data = None, as_json: Json = False) -> None:
    """List all policy versions, newest first. Example: `tutelage policies list`"""
    from tutelage.policies import deployment

    with open_data(data).store.read() as session:
        versions = deployment.versions(session)
    if as_json:
        typer.echo(json.dumps([version.model_dump() for version in versions]))
        return
    for version in versions:
        origin = version.iteration_id or "base"
        typer.echo(
            f"{version.id}  {version.state:10}  {origin:16} {version.parent_id or ''}"
            f"{f'  {version.team_id}' if version.team_id else ''}"
        )
    if not versions:
        typer.echo("No policies yet. `tutelage setup` creates the base policy.")


@app.command()
def show(policy_id: str, data: Data = None) -> None:
    """Print the model card of a policy. Example: `tutelage policies show policy-0001`"""
    from tutelage.policies.library import CARD

    typer.echo(open_data(data).library.read(policy_id, CARD).decode("utf-8"))


@app.command()
def promote(
    policy_id: str,
    because: Annotated[
        str, typer.Option(help="Reason to promote it although it fails regression tests.")
    ] = "",
    data: Data = None,
) -> None:
    """Make a policy the current one for all new turns.

    Example: `tutelage policies promote policy-0001`
    """
    from tutelage.errors import Conflict
    from tutelage.policies import deployment

    core = open_data(data)
    problems = core.library.verify(policy_id)
    if problems:
        raise Conflict(f"{policy_id} is damaged and was not promoted: {' '.join(problems)}")
    core.library.require_weights(policy_id)
    with core.store.write() as session:
        deployment.promote(session, policy_id, actor="cli", explanation=because)
    typer.echo(
        f"{policy_id} is now current. A running service uses it for new turns within seconds."
    )


@app.command()
def rollback(team: Team = None, data: Data = None) -> None:
    """Return to the previous current policy. Example: `tutelage policies rollback`"""
    from tutelage.policies import deployment

    with open_data(data).store.write() as session:
        version = deployment.rollback(session, "cli", team_id_of(session, team))
    typer.echo(f"{version.id} is current again.")


@app.command()
def verify(data: Data = None) -> None:
    """Check the files of all policies against their manifests.

    Example: `tutelage policies verify`
    """
    core = open_data(data)
    damaged = False
    for policy_id in core.library.ids():
        problems = core.library.verify(policy_id)
        damaged |= bool(problems)
        typer.echo(f"{policy_id}  {' '.join(problems) or 'OK'}")
    raise typer.Exit(1 if damaged else 0)


@app.command()
def measure(
    policy_id: str,
    items: Annotated[int, typer.Option(min=0, help="Items per benchmark (0 = all).")] = 0,
    set: Annotated[
        list[Path] | None,
        typer.Option(
            help="File of a public benchmark instead: TruthfulQA, BBQ, XSTest, HarmBench, IFEval."
        ),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Evaluate a policy on the limitation benchmarks.

    They measure truthfulness, consistency, verbosity, clarification, harm and bias. Takes some
    minutes on two cores.

    Example: `tutelage policies measure policy-0001 --set TruthfulQA.csv --items 100`
    """
    from training.evaluation.limitations.run import measure_policy, measure_public

    core = open_data(data)
    with steps() as say:

        def advance(done: int, total: int) -> None:
            say("limitations", done, total)

        measured = measure_public(core, policy_id, set, items, advance) if set else None
        results = measured or measure_policy(core, policy_id, items, advance)
    for name, dial in results["dials"].items():
        found = f"{dial['mean']:.2f} [{dial['low']:.2f}, {dial['high']:.2f}]"
        typer.echo(f"{name:13} {found}  floor {dial['floor']:.2f}  {_told(dial['details'])}")
    if as_json:
        typer.echo(json.dumps(results))


def _told(details: dict[str, object]) -> str:
    numbers = {k: v for k, v in details.items() if isinstance(v, int | float)}
    return ", ".join(f"{name} {value:.2f}" for name, value in numbers.items())


@app.command("trial-forecast")
def trial_forecast(
    days: Annotated[float, typer.Option(min=0.5, max=365, help="Longest length of a trial.")] = 14,
    team: Team = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show how long a trial that began now would take, by how many users prefer the policy.

    Example: `tutelage policies trial-forecast --days 14 --team Support`
    """
    from dataclasses import asdict

    from tutelage.experiments import experiments, looks

    with open_data(data).store.read() as session:
        alpha, team_id = experiments.Rules().alpha_of_comparisons, team_id_of(session, team)
        found = looks.forecast(session, alpha, days, team_id=team_id)
    typer.echo(
        f"{found.people} users compared answers in the last {looks.RECENT_DAYS} days, "
        f"{found.comparisons:.2g} times a day each."
    )
    if not found.by_lead:
        typer.echo("That is too few: a trial would end undecided.")
    for lead, power in found.by_lead.items():
        typer.echo(
            f"  preferred by {0.5 + lead:.0%}: promoted within {days:g} days with probability "
            f"{power.promoted:.0%}, {power.days:.1f} days on average"
        )
    if as_json:
        typer.echo(json.dumps(asdict(found)))


@app.command()
def export(
    policy_id: str,
    format: Annotated[
        str, typer.Option(help="hf (folder for transformers) or gguf (file for llama.cpp).")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Target path (default: the policy id, in the current folder)."),
    ] = None,
    data: Data = None,
) -> None:
    """Export a policy for other programs.

    Example: `tutelage policies export policy-0001 --format gguf`
    """
    from tutelage.errors import Invalid
    from tutelage.policies.export import export_folder, export_gguf

    path = open_data(data).library.path(policy_id)
    if format == "hf":
        out = out or Path(policy_id)
        export_folder(path, out)
    elif format == "gguf":
        out = out or Path(f"{policy_id}.gguf")
        export_gguf(path, out, policy_id)
    else:
        raise Invalid(f"Unknown format {format!r}. Choose hf or gguf.")
    typer.echo(f"Wrote {policy_id} to {out}.")


@app.command()
def push(
    policy_id: str,
    repo: Annotated[str, typer.Argument(help="Repository of the hub, such as me/assistant.")],
    licence: Annotated[
        str, typer.Option(help="Licence of the weights, such as apache-2.0 (known if bundled).")
    ] = "",
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public.")] = False,
    data: Data = None,
) -> None:
    """Upload a policy to a Hugging Face hub, with its card and licence.

    Needs `hf auth login` or HF_TOKEN. A new repository is private without --public.

    Example: `tutelage policies push policy-0001 me/assistant`
    """
    from tutelage.policies import hub

    typer.echo(f"Uploaded: {hub.push(open_data(data), policy_id, repo, licence, public)}")


@app.command()
def pull(
    repo: Annotated[str, typer.Argument(help="Repository of the hub, such as me/assistant.")],
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit (default: the main branch).")
    ] = None,
    data: Data = None,
) -> None:
    """Download a model of a Hugging Face hub as a new candidate.

    Example: `tutelage policies pull me/assistant`
    """
    from tutelage.policies import hub

    policy_id = hub.pull(open_data(data), repo, revision)
    typer.echo(
        f"{policy_id} is a candidate now. The gate has not judged it: try it in a canary, or "
        f"compare it blind, before `tutelage policies promote {policy_id}`."
    )


@app.command()
def sign(
    policy_id: str,
    key: Annotated[Path, typer.Option(help="Private elliptic-curve key (PEM).")],
    data: Data = None,
) -> None:
    """Sign the files of a policy (needs the extra `signing`).

    Example: `tutelage policies sign policy-0001 --key key.pem`
    """
    from tutelage.policies import signing

    typer.echo(f"Signed: {signing.sign(open_data(data), policy_id, key)}")


@app.command("check-signature")
def check_signature(
    policy_id: str,
    key: Annotated[Path, typer.Option(help="Public key (PEM).")],
    data: Data = None,
) -> None:
    """Check the signature of a policy (needs the extra `signing`).

    Example: `tutelage policies check-signature policy-0001 --key public.pem`
    """
    from tutelage.policies import signing

    problem = signing.check(open_data(data), policy_id, key)
    typer.echo(problem or f"{policy_id}: signature OK, files unchanged.")
    raise typer.Exit(1 if problem else 0)


@app.command()
def reproduce(policy_id: str, data: Data = None, as_json: Json = False) -> None:
    """Rerun the iteration of a policy from its snapshot and seeds, and compare the bytes.

    Takes as long as the iteration did. Example: `tutelage policies reproduce policy-0001`
    """
    from training.jobs.reproduce import reproduce as run_again
    from tutelage.cli.learning import classifier_of

    core = open_data(data)
    with stage_bars() as watch:
        found = run_again(core, policy_id, classifier_of(core), watch)
    if found.equal:
        typer.echo(f"{policy_id} was reproduced byte for byte.")
    else:
        typer.echo(
            f"{policy_id} was not reproduced: {', '.join(found.differing)} differ; the metrics "
            f"differ by at most {found.largest_difference:.3g}."
        )
    if as_json:
        typer.echo(json.dumps(vars(found)))
    raise typer.Exit(0 if found.equal else 1)
