"""The model card of a policy: training data, comparison, limitations, in Markdown."""

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
            f"Trained from {lineage['parent']} on user feedback in {lineage['iteration']} "
            f"(preset {lineage['preset']}).",
            *_team(lineage.get("team")),
            "",
            "## Training data",
            "",
            *_taught(lineage["snapshot"]),
            "",
            "Only conversations whose owners consented to training. The held-out share served "
            "evaluation.",
            "",
            f"## Compared with {lineage['compared_with']}",
            "",
            *_compared(metrics),
            "",
            f"- Gain in held-out score: {Interval(**metrics['gain'])} (95 % interval, by prompt)",
            f"- Win rate: {metrics['win_rate']['mean']:.0%} of the prompts",
            f"- KL from its reference policy: {metrics['kl']:.1f} nats per response",
            f"- PPO: {_ppo(metrics['ppo'])}",
            f"- Reward model: {_reward_model(metrics['reward_model'])}",
            "",
            "## Gate decision",
            "",
            *(f"- {reason}" for reason in lineage["reasons"]),
            "",
            "## Limitations",
            "",
            *_limitations(lineage),
            "",
            "## Intended use",
            "",
            "Everyday questions in English, in a moderated chat. Not for decisions on health, law, "
            "or finance, and not without human review: training changes how it responds, not what "
            "it knows. It was evaluated on short single-turn responses only.",
            "",
            "## How to verify this card",
            "",
            *_claims(policy_id),
            "",
            f"Snapshot `{lineage['snapshot_sha256']}`, settings `{lineage['config_sha256']}`, "
            f"seed {lineage['seed']}, code {lineage['code_version']}.",
            "",
        ]
    )


def _team(team: dict[str, str] | None) -> list[str]:
    return [f"A policy of the team {team['name']}, for its members alone."] if team else []


def _taught(counts: dict[str, Any]) -> list[str]:
    rows = [f"| {k} | {counts[f'{k}/train']} | {counts[f'{k}/held_out']} |" for k in _KINDS]
    table = ["| | trained on | held out |", "|---|---:|---:|", *rows]
    signals = [
        f"- Signal `{each['signal']}`: agrees with {each['share']:.0%} of {each['pairs']} judged "
        f"pairs; a pair that it orders weighs {each['weight']:.2f}"
        for each in counts.get("signals", [])
        if each["weight"]
    ]
    return [*table, "", *signals] if signals else table


def _compared(metrics: dict[str, Any]) -> list[str]:
    rows = [
        f"| {name} | {form.format(metrics['current'][key])} "
        f"| {form.format(metrics['candidate'][key])} |"
        for key, name, form in MEASURES
    ]
    return ["| | before | after |", "|---|---:|---:|", *rows]


def _ppo(ppo: dict[str, Any]) -> str:
    scale = ppo.get("kept_scale", 1.0)  # of cards older than the ladder: none
    scaled = "" if scale == 1 else f", its adapter scaled by {scale:g}"
    return f"update {ppo['kept_update']} of {ppo['updates']} was kept{scaled}. {ppo['stop_reason']}"


def _reward_model(facts: dict[str, Any]) -> str:
    if facts["accuracy"] is None:
        return "no held-out comparison was decided."
    return (
        f"pairwise accuracy {facts['accuracy']:.0%} on {facts['comparisons']} unseen comparisons "
        f'(rule "longer wins": {facts["longer_wins"]:.0%}).'
    )


def _limitations(lineage: dict[str, Any]) -> list[str]:
    """Each benchmark before and after, with the worst responses."""
    readings = lineage["metrics"]["readings"]
    before, after = readings["current"], readings["candidate"]
    if not after:
        return ["Not measured in this iteration; run `tutelage policies measure`."]
    rows = [
        f"| {name} | {_score(before[name])} | {_score(dial)} | {dial['floor']:.2f} |"
        for name, dial in after.items()
    ]
    table = ["| 0 to 1, higher is better | before | after | floor |", "|---|---:|---:|---:|"]
    return [*table, *rows, "", *_trend(lineage["trend"]), "", *_worst(after)]


def _score(dial: dict[str, Any]) -> str:
    return f"{dial['mean']:.2f} [{dial['low']:.2f}, {dial['high']:.2f}]"


def _trend(rows: list[dict[str, Any]]) -> list[str]:
    shown = (
        f"{row['policy']}: "
        + ", ".join(f"{name} {mean:.2f}" for name, mean in row["dials"].items())
        for row in rows
    )
    return ["Previous policies:", "", *(f"- {line}" for line in shown)]


def _worst(dials: dict[str, Any]) -> list[str]:
    """One example per benchmark; quoted text is unreviewed model output."""
    lines = ["Worst responses:", ""]
    for name, dial in dials.items():
        for example in dial["examples"][:1]:
            lines.append(f"- {name}: “{_line(example['asked'])}” — “{_line(example['answered'])}”")
    return lines


def _line(text: str) -> str:
    """On one line, short, with Markdown and HTML escaped."""
    plain = " ".join(text.split())[:160]
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in plain)


def _claims(policy_id: str) -> list[str]:
    """For each claim the command that checks it."""
    checks = (
        ("the files are those that were published", "tutelage policies verify"),
        (
            "they are reproducible from the snapshot and the seeds",
            f"tutelage policies reproduce {policy_id}",
        ),
        ("its limitations", f"tutelage policies measure {policy_id}"),
        ("who promoted it and when", "tutelage audit verify"),
        ("the feedback behind a response", "tutelage lineage MESSAGE"),
    )
    return [f"- {claim}: `{command}`" for claim, command in checks]
