"""The learning curve and the table by set, as SVG."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.reports.plots import BLUE, GREEN, GREY, ORANGE


def curve(found: dict[str, Any], path: Path) -> None:
    """Accuracy by number of training rankings."""
    figure, axes = _axes()
    sizes = [int(size) for size in found]
    for key, label, color in (
        ("share", "all pairs", BLUE), ("matched", "pairs of like length", ORANGE),
    ):  # fmt: skip
        means = [np.mean([one[key] for one in each]) for each in found.values()]
        axes.plot(sizes, means, marker="o", color=color, label=label)
    low, high = ([np.mean([one[end] for one in each]) for each in found.values()]
                 for end in ("low", "high"))  # fmt: skip
    axes.fill_between(sizes, low, high, color=BLUE, alpha=0.15)
    axes.set(xscale="log", xlabel="rankings learned from", ylabel="unseen pairs ordered right")
    axes.set_xticks(sizes, map(str, sizes))
    axes.minorticks_off()
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def by_set(found: dict[str, Any], path: Path) -> None:
    """For each set: its head, the baselines of words and length, and human agreement."""
    figure, axes = _axes()
    places, heads = np.arange(len(found)), {n: each["trained_on"] for n, each in found.items()}
    bars = {
        "trained on itself": ([each[name]["share"] for name, each in heads.items()], BLUE),
        "trained on all sets": ([each["all"]["share"] for each in heads.values()], ORANGE),
        "words (TF-IDF)": ([each["tfidf"]["share"] for each in found.values()], GREEN),
        "longer wins": ([each["longer_wins"]["share"] for each in found.values()], GREY),
    }  # fmt: skip
    for number, (label, (shares, color)) in enumerate(bars.items()):
        axes.barh(places + 0.2 * number, shares, 0.18, color=color, label=label)
    for place, each in zip(places, found.values(), strict=True):
        if each["human_agreement"]:
            axes.plot([each["human_agreement"]] * 2, [place - 0.1, place + 0.7], color="black")
    axes.axvline(0.5, color=GREY, linestyle=":")
    axes.set_yticks(places + 0.3, found)
    axes.set(xlim=(0.3, 1), xlabel="unseen pairs ordered right; black: two people agree")
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes
