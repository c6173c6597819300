"""The card of a policy: what it is, what taught it, how it compares, in Markdown."""

from pathlib import Path
from typing import Any

from training.interval import Interval
from training.measures import MEASURES
from tutelage.policies import CARD

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
            "## Limits",
            "",
            "It learned how to answer, not what is true: treat what it states as unchecked. It was "
            "measured on short single answers to everyday prompts only.",
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
