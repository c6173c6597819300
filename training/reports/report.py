"""The report of an iteration: one HTML file that needs nothing else, for the person who decides.

What was learned from, how each stage went, both policies' answers side by side, and what the gate
says of them. It is made from the stages' folders alone.
"""

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from training.evaluation.gate import Decision, GateVerdict
from training.evaluation.metrics import MEASURES
from training.reports import plots
from training.stage import COMPLETE, STAGES
from tutelage import atomic, jsonl
from tutelage.tables import Iteration

Section = tuple[str, str]  # heading, HTML
EXAMPLES_SHOWN = 8
_CSS = Path(__file__).parent / "report.css"


def write_report(
    directory: Path, iteration: Iteration, decision: Decision, policy_id: str | None
) -> Path:
    """Write ``report.html`` into the iteration's folder, and its plots into ``plots/``."""
    stages = {name: _complete(directory / name) for name in STAGES}
    drawn = _draw(directory, stages)
    sections = [
        ("What it learned from", _learned_from(stages)),
        *_curves(drawn),
        (
            "Both policies on held-out prompts",
            _measures(stages["evaluation"]["metrics"])
            + figure(drawn["answers"], "The first answer to each prompt.", narrow=True),
        ),
        (
            "Answers side by side",
            _examples(_rows(directory / "evaluation" / "examples.jsonl")),
        ),
        ("Time and memory", _costs(stages)),
    ]
    head = _verdict(iteration, decision, policy_id) + _tiles(stages)
    title = f"{iteration.id}: {_outcome(policy_id)}"
    path = directory / "report.html"
    atomic.write_text(path, page(title, _subtitle(iteration), head, sections, _footer(iteration)))
    return path


def page(title: str, subtitle: str, head: str, sections: Sequence[Section], footer: str) -> str:
    """A whole HTML page; ``title``, ``subtitle`` and ``footer`` are text, the rest is HTML."""
    body = "".join(f"<section><h2>{escape(name)}</h2>{html}</section>" for name, html in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS.read_text('utf-8')}</style></head><body>"
        f'<header><h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p></header>'
        f"{head}{body}<footer>{escape(footer)}</footer></body></html>\n"
    )


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Large figures, each with what it is."""
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
    """A plot with what it shows."""
    kind = ' class="narrow"' if narrow else ""
    return f"<figure{kind}>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def example(prompt: str, before: str, after: str) -> str:
    """A prompt with two answers; each is HTML."""
    return (
        f"<div class=example><p>{escape(prompt)}</p>"
        f"<div class=pair><div>{before}</div><div>{after}</div></div></div>"
    )


def _outcome(policy_id: str | None) -> str:
    return f"{policy_id} may be promoted" if policy_id else "its candidate is refused"


def _subtitle(iteration: Iteration) -> str:
    return f"Preset {iteration.preset}, from {iteration.parent_policy_id}."


def _footer(iteration: Iteration) -> str:
    return f"Snapshot {iteration.snapshot_sha256}. Settings {iteration.config_sha256}."


def _verdict(iteration: Iteration, decision: Decision, policy_id: str | None) -> str:
    says = {
        GateVerdict.PROMOTE: f"{policy_id} passed the gate and may serve a share of the traffic.",
        GateVerdict.ASK: f"The gate is inconclusive about {policy_id}: an operator decides.",
        GateVerdict.REFUSE: "The gate rejected the candidate. Nothing was published; "
        f"{iteration.parent_policy_id} stays the current policy.",
    }[decision.verdict]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in decision.reasons)
    return (
        f'<div class="verdict {decision.verdict}"><strong>{escape(says)}</strong>'
        f"<ul>{reasons}</ul></div>"
    )


def _tiles(stages: dict[str, Any]) -> str:
    result, seconds = stages["evaluation"]["metrics"], sum(s["seconds"] for s in stages.values())
    return tiles(
        [
            (f"{result['gain']['mean']:+.2f}", "held-out score gained"),
            (f"{result['win_rate']['mean']:.0%}", "of prompts won"),
            (f"{result['kl']['mean']:.1f}", "nats per answer from the reference"),
            (f"{seconds / 60:.1f} min", "of training"),
        ]
    )


def _learned_from(stages: dict[str, Any]) -> str:
    counts = stages["snapshot"]["metrics"]
    names = ("rankings", "thumbs", "demonstrations", "prompts")
    rows = [
        (name.capitalize(), str(counts[f"{name}/train"]), str(counts[f"{name}/held_out"]))
        for name in names
    ]
    skipped = stages["sft"]["metrics"].get("skipped")
    note = f"<p class=soft>Fine-tuning was skipped: {escape(skipped)}</p>" if skipped else ""
    return (
        f"<p>{counts['conversations']} conversations whose owners agreed to training. An edit "
        "counts as a ranking and as a demonstration.</p>"
        + table(("", "Trained on", "Held out"), rows)
        + note
    )


def ppo_curves(directory: Path) -> str:
    """How PPO went in an iteration's folder, as HTML."""
    return _ppo(_draw_ppo(directory, _complete(directory / "ppo")))


def _draw_ppo(directory: Path, complete: dict[str, Any]) -> dict[str, str]:
    rows, kept = (
        _rows(directory / "ppo" / "metrics.jsonl"),
        complete["metrics"]["kept_update"],
    )
    return {
        "scores": plots.scores(rows, kept),
        "over_optimisation": plots.over_optimisation(rows, kept),
        "lengths": plots.lengths(rows, kept),
    }


def _draw(directory: Path, stages: dict[str, Any]) -> dict[str, str]:
    """All plots by name, also kept as files."""
    exam = stages["reward_model"]["metrics"]["examination"]
    examples = _rows(directory / "evaluation" / "examples.jsonl")
    drawn = _draw_ppo(directory, stages["ppo"]) | {
        "reward_model": plots.reward_model(
            _accuracies(stages["reward_model"]["metrics"]), exam["chosen"], exam["rejected"]
        ),
        "reliability": plots.reliability(exam["reliability"]),
        "answers": plots.distributions(
            "Held-out scores of the answers",
            ("current", [row["current"]["score"] for row in examples]),
            ("candidate", [row["candidate"]["score"] for row in examples]),
        ),
    }
    sft = _rows(directory / "sft" / "metrics.jsonl")
    if sft:
        drawn["sft"] = plots.losses(sft)
    (directory / "plots").mkdir(exist_ok=True)
    for name, svg in drawn.items():
        standalone = svg.replace("currentColor", "#6b7280")
        atomic.write_text(directory / "plots" / f"{name}.svg", standalone)
    return drawn


def _accuracies(metrics: dict[str, Any]) -> dict[str, float]:
    exam = metrics["examination"]
    found = {
        "climbed, cross-validated": metrics["proxy"].get("accuracy"),
        "climbed, on held-out": exam["accuracy"],
        "judging, cross-validated": metrics["held_out"].get("accuracy"),
        "“longer wins”, held-out": exam["longer_wins"],
    }
    return {name: share for name, share in found.items() if share is not None}


def _curves(drawn: dict[str, str]) -> Iterable[Section]:
    if "sft" in drawn:
        yield "Supervised fine-tuning", figure(drawn["sft"], "On demonstrations and edits.", True)
    yield (
        "Reward model",
        figure(drawn["reward_model"], "Held-out: conversations whose opening message it never saw.")
        + figure(
            drawn["reliability"],
            "Each dot: pairs it is about as sure of; larger, more of them.",
            True,
        ),
    )
    yield "PPO", _ppo(drawn)


def _ppo(drawn: dict[str, str]) -> str:
    return (
        figure(
            drawn["scores"],
            "Where the two scores part, the policy begins to please the reward model only. The "
            "update kept is the one with the best held-out score.",
        )
        + figure(
            drawn["over_optimisation"],
            "Lines: d (a - b log d) with d = sqrt(KL), as Gao et al. (2022) found. Where a line "
            "bends down, more optimisation buys less.",
            narrow=True,
        )
        + figure(drawn["lengths"], "Answers to the practice prompts of each update.")
    )


def _measures(result: dict[str, Any]) -> str:
    rows = [
        (name, form.format(result["current"][key]), form.format(result["candidate"][key]))
        for key, name, form in MEASURES
    ]
    return table(("", "Current", "Candidate"), rows)


def _examples(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(
        example(row["prompt"][-1]["content"], _answer(row, "current"), _answer(row, "candidate"))
        for row in rows[:EXAMPLES_SHOWN]
    )


def _answer(row: dict[str, Any], name: str) -> str:
    response = row[name]
    cut = "" if response["finished"] else " <em>(cut off)</em>"
    text = escape(response["text"]) or "<em>(empty)</em>"
    return f"<small>{name}, score {response['score']:+.2f}</small>{text}{cut}"


def _costs(stages: dict[str, Any]) -> str:
    rows = [
        (name.replace("_", " "), f"{done['seconds']:.1f}", f"{done['peak_memory_mb']:.0f}")
        for name, done in stages.items()
    ]
    return table(("Stage", "Seconds", "Peak memory, MB"), rows)


def _complete(directory: Path) -> dict[str, Any]:
    complete: dict[str, Any] = json.loads((directory / COMPLETE).read_text("utf-8"))
    return complete


def _rows(path: Path) -> list[dict[str, Any]]:
    return jsonl.read(path) if path.is_file() else []
