"""The model card of trained heads: data, results, known failures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moderation.categories import CATEGORIES
from moderation.rules import SideRules
from moderation.training.evaluate import (
    Scored,
    auroc_of_any,
    by_group,
    calibration,
    figures,
    figures_of_sets,
    intervals,
    shares_of_sets,
)

_TEMPLATE = Path(__file__).parent / "card_template.md"
_SHARES = (
    ("everyday texts", "everyday"),
    ("XSTest, safe", "xstest_safe"),
    ("XSTest, unsafe", "xstest_unsafe"),
)


def results(scored: Sequence[Scored], side: SideRules, groups: Mapping[str, str]) -> dict[str, Any]:
    """All metrics on held-out scores. `groups` gives the group of people that a text is about.

    Ranking metrics use all texts; metrics that depend on thresholds or calibration use only the
    half on which these were not set.
    """
    reported = [row for row in scored if row[0].reported]
    ranked, sets, shares = figures(scored), figures_of_sets(scored), shares_of_sets(reported, side)
    openai, spread = sets["openai"], intervals(scored)
    named = [(groups[row[0].text], row) for row in reported if row[0].text in groups]
    return {
        "texts": len(scored),
        "reported": len(reported),
        "categories": [
            {
                "category": category,
                "positives": ranked["positives"][category],
                "auprc": ranked["auprc"][category],
                "interval": spread.get(category),
                "openai": openai["auprc"][category],
                "openai_interval": openai["intervals"].get(category),
            }
            for category in CATEGORIES
        ],
        "overall": [
            _overall("macro", ranked["macro"], spread.get("macro")),
            _overall("any harm", ranked["any"], spread.get("any")),
            _overall("macro, OpenAI's texts", openai["macro"], openai["intervals"].get("macro")),
            _overall("any harm, OpenAI's texts", openai["any"], openai["intervals"].get("any")),
            _overall("any harm (AUROC)", *auroc_of_any(scored)),
            _overall("HateCheck (AUROC)", sets["hatecheck_auroc"], sets["hatecheck_interval"]),
        ],
        "shares": [shares[key] | {"name": name} for name, key in _SHARES],
        "groups": [
            {"group": group, "texts": each["texts"], "flagged": each["flagged"]}
            for group, each in by_group(named, side).items()
        ],
        "calibration": calibration(reported),
    }


def card(version: str, found: Mapping[str, Any]) -> str:
    """The card in Markdown, from what `results` returned."""
    return _TEMPLATE.read_text("utf-8").format(
        version=version,
        texts=found["texts"],
        reported=found["reported"],
        categories="\n".join(
            f"| {each['category']} | {each['positives']} "
            f"| {_shown(each['auprc'], each['interval'])} "
            f"| {_shown(each['openai'], each['openai_interval'])} |"
            for each in found["categories"]
        ),
        overall="\n".join(
            f"| {each['name']} | {_shown(each['value'], each['interval'])} |"
            for each in found["overall"]
        ),
        shares="\n".join(_share(each) for each in found["shares"]),
        groups="\n".join(
            f"| {each['group']} | {each['texts']} | {each['flagged']:.0%} |"
            for each in found["groups"]
        ),
        calibration="\n".join(
            f"| {row['labels']} | {row['score']:.2f} | {row['harmful']:.2f} |"
            for row in found["calibration"]
        ),
    )


def _overall(name: str, value: float | None, interval: Sequence[float] | None) -> dict[str, Any]:
    return {"name": name, "value": value, "interval": interval}


def _share(acted: Mapping[str, Any]) -> str:
    low, high = acted["interval"]
    flagged = f"{acted['flagged']:.1%} [{low:.1%}, {high:.1%}]"
    return f"| {acted['name']} | {acted['texts']} | {flagged} | {acted['blocked']:.1%} |"


def _shown(figure: float | None, interval: Sequence[float] | None = None) -> str:
    if figure is None:
        return "–"
    return f"{figure:.2f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")
