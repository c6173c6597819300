"""The report of the simulated month, as a page of Markdown with a plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import toy_environment
from sqlmodel import select

from tutelage import audit
from tutelage.composition import Core
from tutelage.experiments import experiments
from tutelage.iterations import iterations
from tutelage.policies import deployment
from tutelage.tables import ExperimentState, Feedback

SAMPLES = 4
BAD_DAY, DRIFT_DAY = 10, 15  # the ruined canary; the drift of the preference


def write_report(core: Core, days: Sequence[Any], confirmed: Sequence[str], path: Path) -> None:
    """Write the page and, beside it, the plot."""
    golds = {policy: gold_of(core.library.path(policy)) for policy in core.library.ids()}
    plot(days, golds, path.with_suffix(".svg"))
    path.write_text("\n".join(page(core, days, confirmed, golds, path.stem)) + "\n", "utf-8")


def gold_of(policy: Path) -> float:
    """The mean true reward of a policy over all prompts."""
    from lab.bench import ToyPolicy, golds

    asked = toy_environment.prompts()
    found = golds(asked, ToyPolicy(policy).answers(asked, SAMPLES, 9))
    return float(sum(found) / len(found))


def page(
    core: Core,
    days: Sequence[Any],
    confirmed: Sequence[str],
    golds: dict[str, float],
    stem: str,
) -> list[str]:
    """The whole page."""
    return [
        "# An unattended month",
        "",
        f"{len(days)} days of the whole loop, unattended: 60 simulated users chat and give "
        "feedback over HTTP, a schedule starts iterations, the gate evaluates candidates, "
        "canaries decide, policies are promoted and rolled back. The language is that of the "
        "toy environment in `benchmarks/lab`, whose true reward (“gold”) is known and hidden "
        "from the loop. Each day every user ranks four answers and gives a thumb to a fifth; "
        "five users also rewrite one, and one in five of them is mistaken. From day "
        f"{DRIFT_DAY} on users ask about other things and prefer shorter answers; one user "
        f"ranks in reverse order; on day {BAD_DAY} an operator starts a canary for a policy "
        "with ruined weights, overriding the gate; training processes, and the service while "
        "users chat, are killed with SIGKILL at random times. A canary that is undecided "
        "after 2 days stops, and while one runs no iteration begins.",
        "",
        f"![gold by day]({stem}.svg)",
        "",
        *verdicts(core, days, confirmed, golds),
        "",
        "| day | current | canary | gold | answers (gold) by policy | killed | ended |",
        "|---:|---|---|---:|---|---:|---|",
        *(row(day) for day in days),
        "",
        "## Policies",
        "",
        "| policy | state | gold |",
        "|---|---|---:|",
        *policies(core, golds),
        "",
        "Made by `tutelage bench month --data DIR --iterations 30` and, afterwards, "
        "`tutelage bench month --data DIR --report docs/results/month.md`. Kills depend on "
        "the clock, so a second run is similar, not equal.",
    ]


def verdicts(
    core: Core, days: Sequence[Any], confirmed: Sequence[str], golds: dict[str, float]
) -> list[str]:
    """The claims with their results."""
    with core.store.read() as session:
        kept = set(session.exec(select(Feedback.id)))
        problems = audit.verify(session)
        rows, trials = iterations.listed(session), experiments.listed(session)
        current = deployment.current(session)
    assert current is not None
    served = served_in_full(trials)
    ruined = [p for p in core.library.ids() if core.library.manifest(p).get("ruined")]
    ended = sum(row.finished_at is not None for row in rows)
    damaged = [p for p in core.library.ids() if core.library.verify(p)]
    return [
        "| claim | result |",
        "|---|---|",
        f"| iterations | {ended} ended: {told(rows)}; {sum(d.kills for d in days)} runs killed, "
        f"the service {sum(d.crashes for d in days)} times |",
        f"| canaries | {told_trials(trials)} |",
        f"| the ruined policy never reached full traffic | "
        f"{told_trials([t for t in trials if t.policy_id in ruined])} |",
        f"| policies that reached full traffic, with their gold | "
        f"{', '.join(f'{p} {golds[p]:+.2f}' for p in served)} |",
        f"| no feedback was lost | {len(confirmed)} confirmed to users, "
        f"{len(set(confirmed) - kept)} of them not stored |",
        f"| the audit chain verifies | {'yes' if not problems else problems[0]} |",
        f"| published policies are intact | {damaged or 'yes'} |",
        f"| gold rises | {golds['policy-0000']:+.2f} (policy-0000) to {golds[current.id]:+.2f} "
        f"({current.id}); all answers: {days[0].gold:+.2f} on the first day, {days[-1].gold:+.2f} "
        "on the last |",
    ]


def served_in_full(trials: Sequence[Any]) -> list[str]:
    """The first policy and those that a canary promoted, in order."""
    promoted = [t.policy_id for t in reversed(trials) if t.state == ExperimentState.PROMOTED]
    return ["policy-0000", *promoted]


def told(rows: Sequence[Any]) -> str:
    """How the gate decided."""
    decided = [str(row.decision or row.state) for row in rows]
    return ", ".join(f"{decided.count(name)} {name}" for name in sorted(set(decided)))


def told_trials(trials: Sequence[Any]) -> str:
    """How the canaries ended."""
    ends = [str(experiment.state).replace("_", " ") for experiment in trials]
    return ", ".join(f"{ends.count(name)} {name}" for name in sorted(set(ends)))


def row(day: Any) -> str:
    """One day's line."""
    shown = ", ".join(f"{p[-4:]}: {int(n)} ({g:+.2f})" for p, (n, g) in day.by_policy.items())
    ended = "; ".join(day.events)
    return (
        f"| {day.number} | {day.current} | {day.trial} | {day.gold:+.2f} | {shown} "
        f"| {day.kills + day.crashes} | {ended} |"
    )


def policies(core: Core, golds: dict[str, float]) -> list[str]:
    """All policies, oldest first."""
    with core.store.read() as session:
        versions = sorted(deployment.versions(session), key=lambda version: version.id)
    return [f"| {v.id} | {v.state} | {golds[v.id]:+.2f} |" for v in versions]


def plot(days: Sequence[Any], golds: dict[str, float], path: Path) -> None:
    """True reward of the responses shown, and of the current policy, by day."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3.2))
    axes.plot([d.number for d in days], [d.gold for d in days], label="all answers that day")
    axes.step([d.number for d in days], [golds[d.current] for d in days], where="mid",
              label="the current policy", linestyle="--")  # fmt: skip
    tried = [d for d in days if d.experiment in d.by_policy and d.number != BAD_DAY]
    axes.plot([d.number for d in tried], [d.by_policy[d.experiment][1] for d in tried], ".",
              label="the policy on trial", color="tab:green")  # fmt: skip
    for day, height, text in ((BAD_DAY, 0.04, "ruined policy on trial"),
                              (DRIFT_DAY, 0.12, "people drift")):  # fmt: skip
        axes.axvline(day, color="gray", linewidth=0.8)
        axes.text(day + 0.3, height, text, transform=axes.get_xaxis_transform(), fontsize=8)
    axes.set_xlabel("day")
    axes.set_ylabel("gold")
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
