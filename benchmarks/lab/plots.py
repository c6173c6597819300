"""A plot for each experiment, as SVG."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.reports.plots import BLUE, GREEN, GREY, ORANGE


def draw(letter: str, result: dict[str, Any], path: Path) -> None:
    """Writes the plot of an experiment's result."""
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    PLOTS[letter](axes, result)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _over_optimisation(axes: Axes, result: dict[str, Any]) -> None:
    for number, run in enumerate(result["runs"]):
        points = sorted(run["points"], key=lambda p: p["update"])
        d = [max(0.0, p["kl"]) ** 0.5 for p in points]
        for name, color, first in (
            ("proxy", ORANGE, "proxy reward model"),
            ("heldout", BLUE, "held-out reward model"),
            ("gold", GREEN, "true score"),
        ):
            gains = [p[name] - points[0][name] for p in points]
            axes.plot(d, gains, color=color, alpha=0.6, label=first if not number else None)
        axes.plot(run["kept_kl"] ** 0.5, run["kept"] - run["start"], "o", color=GREEN)
    axes.set(xlabel="sqrt(KL), nats per answer", ylabel="gained", title="Dots: where PPO stopped")


def _data_size(axes: Axes, result: dict[str, Any]) -> None:
    for (name, sizes), color in zip(result.items(), (BLUE, ORANGE), strict=True):
        counts = [int(n) for n in sizes]
        means = [i["mean"] for i in sizes.values()]
        low, high = ([i[end] for i in sizes.values()] for end in ("low", "high"))
        axes.plot(counts, means, color=color, marker="o", label=name)
        axes.fill_between(counts, low, high, color=color, alpha=0.15)
    axes.set(xscale="log", xlabel="rankings of 4", ylabel="true pairs ordered right")


def _win_rates(axes: Axes, result: dict[str, Any]) -> None:
    names = {"win_rate": "all answers", "length_matched_win_rate": "answers of like length"}
    _bars(axes, {label: result[name] for name, label in names.items()})
    axes.axvline(0.5, color=GREY, linestyle=":")
    axes.set(xlim=(0, 1), xlabel="PPO's answer is truly better")


def _stopping_rules(axes: Axes, result: dict[str, Any]) -> None:
    _bars(axes, result)
    axes.axvline(0.9, color=GREY, linestyle=":")
    axes.set(xlabel="share of the true peak's gain where the rule stops")


def _bars(axes: Axes, intervals: dict[str, dict[str, float]]) -> None:
    for place, i in enumerate(intervals.values()):
        error = [[i["mean"] - i["low"]], [i["high"] - i["mean"]]]
        axes.barh(place, i["mean"], xerr=error, color=BLUE, height=0.5)
    axes.set_yticks(range(len(intervals)), list(intervals))


def _best_of_n(axes: Axes, result: dict[str, Any]) -> None:
    rows = list(result["by_n"].values())
    d = np.sqrt([row["kl"] for row in rows])
    axes.plot(d, [row["best_of_n"] for row in rows], color=BLUE, marker="o", label="best of n")
    axes.plot(d, [row["ppo"] for row in rows], color=ORANGE, marker="o", label="PPO")
    for (name, row), mark in zip(result["baselines"].items(), "s^", strict=True):
        axes.plot(max(0.0, row["kl"]) ** 0.5, row["gained"]["mean"], mark, color=GREEN, label=name)
    axes.set(xlabel="sqrt(KL), nats per answer", ylabel="true score gained")


def _iterations(axes: Axes, result: dict[str, Any]) -> None:
    for name, color, label in (
        ("gold_new_prompts", BLUE, "prompts never used"),
        ("gold_old_prompts", ORANGE, "prompts of the first iteration"),
    ):
        steps = result[name]
        means = [i["mean"] for i in steps]
        error = [[i["mean"] - i["low"] for i in steps], [i["high"] - i["mean"] for i in steps]]
        axes.errorbar(range(len(steps)), means, error, color=color, marker="o", label=label)
    axes.set(
        xlabel="iterations", ylabel="true score", xticks=range(len(result["gold_new_prompts"]))
    )


def _ptx(axes: Axes, result: dict[str, Any]) -> None:
    coefficients = [float(c) for c in result["by_coefficient"]]
    rows = list(result["by_coefficient"].values())
    places = range(len(rows))
    axes.plot(places, [r["loss"]["mean"] for r in rows], color=BLUE, marker="o",
              label="loss on unseen demonstrations")  # fmt: skip
    axes.plot(places, [r["gold"]["mean"] for r in rows], color=GREEN, marker="o",
              label="true score")  # fmt: skip
    axes.axhline(result["before"], color=BLUE, linestyle=":", label="loss before PPO")
    axes.set_xticks(places, [f"{c:g}" for c in coefficients])
    axes.set(xlabel="ptx coefficient")


def _length_bias(axes: Axes, result: dict[str, Any]) -> None:
    for place, (name, row) in enumerate(result.items()):
        words, gold = row["words"]["mean"], row["gold"]["mean"]
        axes.barh(place, words, color=BLUE if name.startswith("0 ") else ORANGE)
        axes.text(words + 0.3, place, f"true score {gold:+.2f}", va="center")
    axes.set_yticks(range(len(result)), list(result))
    axes.set(xlabel="words per answer", xlim=(0, 40))


def _reuse(axes: Axes, result: dict[str, Any]) -> None:
    for place, row in enumerate(result["gold"].values()):
        error = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]]
        axes.errorbar(place, row["mean"], error, color=GREEN, marker="o")
    axes.axhline(result["before"], color=GREY, linestyle=":", label="before PPO")
    axes.set_xticks(range(len(result["gold"])), list(result["gold"]))
    axes.set(xlabel="answers in a batch", ylabel="true score of the policy kept")


def _methods(axes: Axes, result: dict[str, Any]) -> None:
    for row in result.values():
        gain = row["gain"]
        error = [[gain["mean"] - gain["low"]], [gain["high"] - gain["mean"]]]
        axes.errorbar(row["kl"], gain["mean"], error, color=GREEN, marker="o")
    for name, row in result.items():
        axes.annotate(name, (row["kl"], row["gain"]["mean"]), (6, 4), textcoords="offset points")
    axes.set(xlabel="KL of the rung kept, nats", ylabel="gain in true score")


PLOTS: dict[str, Callable[[Axes, dict[str, Any]], None]] = {
    "A": _over_optimisation,
    "B": _data_size,
    "C": _win_rates,
    "D": _best_of_n,
    "E": _iterations,
    "F": _ptx,
    "G": _length_bias,
    "H": _stopping_rules,
    "I": _reuse,
    "J": _methods,
}
