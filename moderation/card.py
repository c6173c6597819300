"""The card of trained heads: what they were trained on, how well they do, what they miss."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moderation.actions import SidePolicy
from moderation.categories import CATEGORIES
from moderation.evaluate import (
    Scored,
    by_group,
    calibration,
    figures,
    figures_of_sets,
    intervals,
)

_TEMPLATE = Path(__file__).parent / "card_template.md"


def card(
    version: str, scored: Sequence[Scored], side: SidePolicy, groups: Mapping[str, str]
) -> str:
    """Markdown. `groups` gives the group that a text is about."""
    result, sets, spread = figures(scored), figures_of_sets(scored, side), intervals(scored)
    openai = sets["openai"]
    named = [(groups[row[0].text], row) for row in scored if row[0].text in groups]
    return _TEMPLATE.read_text("utf-8").format(
        version=version,
        texts=f"{len(scored)} texts",
        categories="\n".join(_category(each, result, openai) for each in CATEGORIES),
        macro=_shown(result["macro"], spread.get("macro")),
        any=_shown(result["any"], spread.get("any")),
        openai_macro=_shown(openai["macro"], openai["intervals"].get("macro")),
        openai_any=_shown(openai["any"], openai["intervals"].get("any")),
        hatecheck=_shown(sets["hatecheck_auroc"], sets["hatecheck_interval"]),
        shares="\n".join(_share(name, sets[key]) for name, key in _SETS),
        groups="\n".join(
            f"| {group} | {each['texts']} | {each['flagged']:.0%} |"
            for group, each in by_group(named, side).items()
        ),
        calibration="\n".join(
            f"| {row['labels']} | {row['score']:.2f} | {row['harmful']:.2f} |"
            for row in calibration(scored)
        ),
    )


_SETS = (
    ("everyday texts", "everyday"),
    ("XSTest, safe", "xstest_safe"),
    ("XSTest, unsafe", "xstest_unsafe"),
)


def _category(name: str, result: Mapping[str, Any], openai: Mapping[str, Any]) -> str:
    return (
        f"| {name} | {result['positives'][name]} | {_shown(result['auprc'][name])} "
        f"| {_shown(openai['auprc'][name])} |"
    )


def _share(name: str, acted: Mapping[str, Any]) -> str:
    low, high = acted["interval"]
    flagged = f"{acted['flagged']:.1%} [{low:.1%}, {high:.1%}]"
    return f"| {name} | {acted['texts']} | {flagged} | {acted['blocked']:.1%} |"


def _shown(figure: float | None, interval: Sequence[float] | None = None) -> str:
    if figure is None:
        return "–"
    return f"{figure:.2f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")
