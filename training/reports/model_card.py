"""The card of a policy: what it is, what taught it, how it compares, in Markdown."""

from pathlib import Path
from typing import Any

from training.evaluation.metrics import MEASURES
from tutelage.policies.library import CARD
from tutelage.statistics import Interval

_KINDS = ("rankings", "thumbs", "demonstrations", "prompts")


def write_card(directory: Path, policy_id: str, lineage: dict[str, Any]) -> None:
    """Write ``card.md``; the same lineage gives the same bytes."""
    (directory / CARD).write_text(card(policy_id, lineage), "utf-8")


def card(policy_id: str, lineage: dict[str, Any]) -> str:
    """The card's text, from the lineage that the manifest keeps."""
    metrics = lineage["metrics"]
    return "\n".join(
        [
            f"# {policy_id}",
            "",
            f"Improves on {lineage['parent']} by what people taught it in {lineage['iteration']} "
            f"(preset {lineage['preset']}).",
            "",
            "## What taught it",
            "",
            *_taught(lineage["snapshot"]),
            "",
            "Only conversations whose owners agreed to training. The held-out share judged it.",
            "",
            f"## Compared with {lineage['parent']}",
            "",
            *_compared(metrics),
            "",
            f"- Gain in held-out score: {Interval(**metrics['gain'])} (95 % interval, by prompt)",
            f"- Prompts won: {metrics['win_rate']['mean']:.0%}",
            f"- KL from its reference policy: {metrics['kl']:.1f} nats per answer",
            f"- PPO: {_ppo(metrics['ppo'])}",
            f"- Reward model: {_reward_model(metrics['reward_model'])}",
            "",
            "## Why the gate let it pass",
            "",
            *(f"- {reason}" for reason in lineage["reasons"]),
            "",
            "## Limitations",
            "",
            *_limitations(lineage),
            "",
            "## Intended use",
            "",
            "Everyday questions in English, in a chat that moderation watches. Not for decisions "
            "on health, law or money, and not without a person who checks: it learned how to "
            "answer, not what is true. It was measured on short single answers only.",
            "",
            "## How to check this card",
            "",
            *_claims(policy_id),
            "",
            f"Snapshot `{lineage['snapshot_sha256']}`, settings `{lineage['config_sha256']}`, "
            f"seed {lineage['seed']}, code {lineage['code_version']}.",
            "",
        ]
    )


def _taught(counts: dict[str, Any]) -> list[str]:
    rows = [f"| {k} | {counts[f'{k}/train']} | {counts[f'{k}/held_out']} |" for k in _KINDS]
    return ["| | trained on | held out |", "|---|---:|---:|", *rows]


def _compared(metrics: dict[str, Any]) -> list[str]:
    rows = [
        f"| {name} | {form.format(metrics['current'][key])} "
        f"| {form.format(metrics['candidate'][key])} |"
        for key, name, form in MEASURES
    ]
    return ["| | before | after |", "|---|---:|---:|", *rows]


def _ppo(ppo: dict[str, Any]) -> str:
    return f"update {ppo['kept_update']} of {ppo['updates']} was kept. {ppo['stop_reason']}"


def _reward_model(facts: dict[str, Any]) -> str:
    if facts["accuracy"] is None:
        return "no held-out comparison was decided."
    return (
        f"orders {facts['accuracy']:.0%} of {facts['comparisons']} unseen comparisons as people "
        f'did; "longer wins" orders {facts["longer_wins"]:.0%}.'
    )


def _limitations(lineage: dict[str, Any]) -> list[str]:
    """Each dial before and after, with what the policy said where it did worst."""
    readings = lineage["metrics"]["readings"]
    before, after = readings["current"], readings["candidate"]
    if not after:
        return ["Not measured in this iteration; `tutelage policies measure` does it."]
    rows = [
        f"| {name} | {_reading(before[name])} | {_reading(dial)} | {dial['floor']:.2f} |"
        for name, dial in after.items()
    ]
    table = ["| 0 to 1, higher is better | before | after | floor |", "|---|---:|---:|---:|"]
    return [*table, *rows, "", *_trend(lineage["trend"]), "", *_worst(after)]


def _reading(dial: dict[str, Any]) -> str:
    return f"{dial['mean']:.2f} [{dial['low']:.2f}, {dial['high']:.2f}]"


def _trend(rows: list[dict[str, Any]]) -> list[str]:
    shown = (
        f"{row['policy']}: "
        + ", ".join(f"{name} {mean:.2f}" for name, mean in row["dials"].items())
        for row in rows
    )
    return ["Before it:", "", *(f"- {line}" for line in shown)]


def _worst(dials: dict[str, Any]) -> list[str]:
    """One example for each dial; quoted text is the policy's own and unchecked."""
    lines = ["Where it did worst:", ""]
    for name, dial in dials.items():
        for example in dial["examples"][:1]:
            lines.append(f"- {name}: “{_line(example['asked'])}” — “{_line(example['answered'])}”")
    return lines


def _line(text: str) -> str:
    """On one line, short, with nothing that Markdown or HTML would take for its own."""
    plain = " ".join(text.split())[:160]
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in plain)


def _claims(policy_id: str) -> list[str]:
    """For each claim the command that checks it."""
    checks = (
        ("these are the files that were published", "tutelage policies verify"),
        ("they follow from the snapshot and the seeds", f"tutelage policies reproduce {policy_id}"),
        ("its limitations", f"tutelage policies measure {policy_id}"),
        ("who promoted it and when", "tutelage audit verify"),
        ("which feedback is behind an answer", "tutelage lineage MESSAGE"),
    )
    return [f"- {claim}: `{command}`" for claim, command in checks]
