"""The report of an iteration: one self-contained HTML file for the operator who decides.

The training data, each stage's curves, both policies' responses side by side, and the gate's
decision with its reasons. It is made from the stages' results and folders alone.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from training.evaluation.gate import Decision, GateVerdict
from training.evaluation.metrics import MEASURES, Comparison
from training.reports import plots
from training.stage_results import CompleteStages, RewardModelResult
from tutelage import atomic, jsonl
from tutelage.iteration_folder import IterationFolder
from tutelage.tables import Iteration

Section = tuple[str, str]  # heading, HTML
EXAMPLES_SHOWN = 8
_CSS = Path(__file__).parent / "report.css"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # no script, no request


def write_report(
    folder: IterationFolder,
    iteration: Iteration,
    decision: Decision,
    policy_id: str | None,
    stages: CompleteStages,
) -> Path:
    """Write ``report.html`` into the iteration's folder, and its plots into ``plots/``."""
    examples = jsonl.read(folder.examples)
    drawn = _draw(folder, stages, examples)
    sections = [
        ("Training data", _training_data(stages)),
        *_curves(drawn),
        (
            "Both policies on held-out prompts",
            _measures(stages.evaluation.result.comparison)
            + figure(drawn["responses"], "The first response to each prompt.", narrow=True),
        ),
        ("Responses side by side", _examples(examples)),
        ("Time and memory", _costs(stages)),
    ]
    head = _verdict(iteration, decision, policy_id) + _tiles(stages)
    title = f"{iteration.id}: {_outcome(policy_id)}"
    html = page(title, _subtitle(iteration), head, sections, _footer(iteration))
    atomic.write_text(folder.report, html)
    return folder.report


def page(title: str, subtitle: str, head: str, sections: Sequence[Section], footer: str) -> str:
    """A whole HTML page; ``title``, ``subtitle`` and ``footer`` are text, the rest is HTML."""
    body = "".join(f"<section><h2>{escape(name)}</h2>{html}</section>" for name, html in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="content-security-policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS.read_text('utf-8')}</style></head><body>"
        f'<header><h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p></header>'
        f"{head}{body}<footer>{escape(footer)}</footer></body></html>\n"
    )


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Large figures, each with its label."""
    each = (f"<div class=tile><b>{escape(v)}</b><span>{escape(n)}</span></div>" for v, n in figures)
    return f"<div class=tiles>{''.join(each)}</div>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text; the first column names the row."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def figure(svg: str, caption: str, narrow: bool = False) -> str:
    """A plot with its caption."""
    kind = ' class="narrow"' if narrow else ""
    return f"<figure{kind}>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def example(prompt: str, before: str, after: str) -> str:
    """A prompt with two responses; each is HTML."""
    return (
        f"<div class=example><p>{escape(prompt)}</p>"
        f"<div class=pair><div>{before}</div><div>{after}</div></div></div>"
    )


def _outcome(policy_id: str | None) -> str:
    return f"{policy_id} may be promoted" if policy_id else "candidate rejected"


def _subtitle(iteration: Iteration) -> str:
    parent, baseline = iteration.parent_policy_id, iteration.baseline_policy_id
    compared = "" if parent == baseline else f", compared with the current policy {baseline}"
    return f"Preset {iteration.preset}, trained from {parent}{compared}."


def _footer(iteration: Iteration) -> str:
    return f"Snapshot {iteration.snapshot_sha256}. Settings {iteration.config_sha256}."


def _verdict(iteration: Iteration, decision: Decision, policy_id: str | None) -> str:
    says = {
        GateVerdict.PROMOTE: f"{policy_id} passed the gate and may serve a share of the traffic.",
        GateVerdict.ASK: f"The gate is inconclusive about {policy_id}: an operator decides.",
        GateVerdict.REFUSE: "The gate rejected the candidate. Nothing was published; "
        f"{iteration.baseline_policy_id} stays the current policy.",
    }[decision.verdict]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in decision.reasons)
    return (
        f'<div class="verdict {decision.verdict}"><strong>{escape(says)}</strong>'
        f"<ul>{reasons}</ul></div>"
    )


def _tiles(stages: CompleteStages) -> str:
    found = stages.evaluation.result.comparison
    seconds = sum(cost["seconds"] for cost in stages.costs().values())
    return tiles(
        [
            (f"{found.gain.mean:+.2f}", "gain in held-out score"),
            (f"{found.win_rate.mean:.0%}", "win rate over the current policy"),
            (f"{found.kl.mean:.1f}", "KL from the reference, nats per response"),
            (f"{seconds / 60:.1f} min", "training time"),
        ]
    )


def _training_data(stages: CompleteStages) -> str:
    snapshot, skipped = stages.snapshot.result, stages.sft.result.skipped
    counts = snapshot.counts
    names = ("rankings", "thumbs", "demonstrations", "prompts")
    rows = [
        (name.capitalize(), str(counts[f"{name}/train"]), str(counts[f"{name}/held_out"]))
        for name in names
    ]
    note = f"<p class=soft>Fine-tuning was skipped: {escape(skipped)}</p>" if skipped else ""
    return (
        f"<p>{snapshot.conversations} conversations whose owners consented to training. An edit "
        "counts as a ranking and as a demonstration.</p>"
        + table(("", "Trained on", "Held out"), rows)
        + note
    )


def ppo_curves(folder: IterationFolder, kept_update: int) -> str:
    """PPO's curves in an iteration's folder, as HTML."""
    return _ppo(_draw_ppo(folder, kept_update))


def _draw_ppo(folder: IterationFolder, kept: int) -> dict[str, str]:
    rows = jsonl.read(folder.metrics("ppo"))
    return {
        "scores": plots.scores(rows, kept),
        "over_optimisation": plots.over_optimisation(rows, kept),
        "lengths": plots.lengths(rows, kept),
    }


def _draw(
    folder: IterationFolder, stages: CompleteStages, examples: Sequence[dict[str, Any]]
) -> dict[str, str]:
    """All plots by name, also kept as files."""
    rewards = stages.reward_model.result
    validation = rewards.validation
    drawn = _draw_ppo(folder, stages.ppo.result.kept_update) | {
        "reward_model": plots.reward_model(
            _accuracies(rewards), validation.chosen, validation.rejected
        ),
        "reliability": plots.reliability(validation.reliability),
        "responses": plots.distributions(
            "Held-out scores of the responses",
            ("current", [row["current"]["score"] for row in examples]),
            ("candidate", [row["candidate"]["score"] for row in examples]),
        ),
    }
    losses = jsonl.read_growing(folder.metrics("sft"))  # none where SFT was skipped
    if losses:
        drawn["sft"] = plots.losses(losses)
    folder.plots.mkdir(exist_ok=True)
    for name, svg in drawn.items():
        standalone = svg.replace("currentColor", "#6b7280")
        atomic.write_text(folder.plots / f"{name}.svg", standalone)
    return drawn


def _accuracies(rewards: RewardModelResult) -> dict[str, float]:
    found = {
        "proxy, cross-validated": rewards.proxy.get("accuracy"),
        "proxy, on held-out": rewards.validation.accuracy,
        "held-out model, cross-val.": rewards.held_out.get("accuracy"),
        "“longer wins”, held-out": rewards.validation.longer_wins,
    }
    return {name: share for name, share in found.items() if share is not None}


def _curves(drawn: dict[str, str]) -> Iterable[Section]:
    if "sft" in drawn:
        yield "Supervised fine-tuning", figure(drawn["sft"], "Demonstrations and edits.", True)
    yield (
        "Reward model",
        figure(drawn["reward_model"], "Held-out: first user messages that were not trained on.")
        + figure(
            drawn["reliability"],
            "Each dot is a bin of pairs by confidence; its area grows with their number.",
            True,
        ),
    )
    yield "PPO", _ppo(drawn)


def _ppo(drawn: dict[str, str]) -> str:
    return (
        figure(
            drawn["scores"],
            "Where the two scores diverge, the policy begins to exploit the reward model. The "
            "policy kept is the one with the best held-out score within the KL budget, of "
            "these and of the last one scaled towards the first.",
        )
        + figure(
            drawn["over_optimisation"],
            "Lines: d (a - b log d) with d = sqrt(KL), after Gao et al. (2022). Where a line bends "
            "down, further optimisation lowers the score.",
            narrow=True,
        )
        + figure(drawn["lengths"], "Responses to the training prompts of each update.")
    )


def _measures(found: Comparison) -> str:
    rows = [
        (name, form.format(getattr(found.current, key)), form.format(getattr(found.candidate, key)))
        for key, name, form in MEASURES
    ]
    return table(("", "Current", "Candidate"), rows)


def _examples(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(
        example(
            row["prompt"][-1]["content"], _response(row, "current"), _response(row, "candidate")
        )
        for row in rows[:EXAMPLES_SHOWN]
    )


def _response(row: dict[str, Any], name: str) -> str:
    response = row[name]
    cut = "" if response["finished"] else " <em>(cut off)</em>"
    text = escape(response["text"]) or "<em>(empty)</em>"
    return f"<small>{name}, score {response['score']:+.2f}</small>{text}{cut}"


def _costs(stages: CompleteStages) -> str:
    rows = [
        (name.replace("_", " "), f"{cost['seconds']:.1f}", f"{cost['peak_memory_mb']:.0f}")
        for name, cost in stages.costs().items()
    ]
    return table(("Stage", "Seconds", "Peak memory, MB"), rows)
