"""Plots as SVG text that takes the page's own text colour, for light and dark pages."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.reports.overoptimization import fit_rl
from tutelage.statistics import CalibrationBin

Rows = Sequence[dict[str, Any]]
Named = tuple[str, list[float]]

BLUE, ORANGE, GREEN, GREY = "#3b82f6", "#f97316", "#16a34a", "#8b8f98"
_INK = "#010203"  # stands for the page's text colour; replaced by currentColor
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tutelage",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": _INK,
    "axes.titlesize": 11,
    "axes.titlecolor": _INK,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "text.color": _INK,
    "legend.frameon": False,
    "lines.linewidth": 2,
}


def scores(rows: Rows, kept: int) -> str:
    """The proxy and the held-out score per update, with the update that was kept."""

    def draw(axes: Sequence[Axes]) -> None:
        updates = [row["update"] for row in rows]
        first, second = rows[0]["objective/scores"], rows[0]["heldout/score"]
        axes[0].plot(
            updates, [row["objective/scores"] - first for row in rows], color=ORANGE, marker="o",
            markersize=3, label="proxy reward model",
        )  # fmt: skip
        axes[0].plot(
            updates, [row["heldout/score"] - second for row in rows], color=BLUE, marker="o",
            markersize=3, label="held-out reward model",
        )  # fmt: skip
        axes[0].set(title="Gain in score", xlabel="update")
        _mark(axes[0], kept)
        axes[0].legend(loc="upper left")
        axes[1].plot(updates, [row["objective/kl"] for row in rows], color=GREEN)
        axes[1].set(title="KL from the reference, nats per response", xlabel="update")
        _mark(axes[1], kept)

    return _svg(draw, columns=2)


def over_optimisation(rows: Rows, kept: int) -> str:
    """The gain in score by the distance from the reference, with the fitted scaling law."""

    def draw(axes: Sequence[Axes]) -> None:
        kl = [max(0.0, row["objective/kl"]) for row in rows]
        for name, color, label in (
            ("objective/scores", ORANGE, "proxy reward model"),
            ("heldout/score", BLUE, "held-out reward model"),
        ):
            gains = [row[name] - rows[0][name] for row in rows]
            axes[0].plot([k**0.5 for k in kl], gains, "o", markersize=4, color=color, label=label)
            if sum(k > 1e-3 for k in kl) > 2:
                curve = fit_rl(kl, gains)
                d = np.linspace(0.05, max(kl) ** 0.5, 60)
                axes[0].plot(d, d * (curve.a - curve.b * np.log(d)), color=color, linewidth=1)
        axes[0].axvline(kl[kept] ** 0.5, color=GREY, linestyle="--", linewidth=1)
        axes[0].set(title="Gain in score by distance", xlabel="sqrt(KL), nats per response")
        axes[0].legend(loc="upper left")

    return _svg(draw, columns=1)


def reliability(bins: Sequence[CalibrationBin]) -> str:
    """The reward model's accuracy by its confidence."""

    def draw(axes: Sequence[Axes]) -> None:
        axes[0].plot((0.5, 1), (0.5, 1), color=GREY, linestyle=":")
        axes[0].scatter(
            [b.confidence for b in bins], [b.accuracy for b in bins],
            s=[20 + 2 * b.count for b in bins], color=BLUE, alpha=0.6,
        )  # fmt: skip
        axes[0].set(
            title="Reliability diagram", xlabel="confidence", ylabel="accuracy",
            xlim=(0.48, 1.02), ylim=(-0.02, 1.05),
        )  # fmt: skip

    return _svg(draw, columns=1)


def lengths(rows: Rows, kept: int) -> str:
    """Mean length of the responses and the share that ends by itself, per update."""

    def draw(axes: Sequence[Axes]) -> None:
        updates = [row["update"] for row in rows]
        axes[0].plot(updates, [row["response/length"] for row in rows], color=BLUE)
        axes[0].set(title="Tokens per response", xlabel="update", ylim=(0, None))
        axes[1].plot(updates, [row["response/eos_share"] for row in rows], color=GREEN)
        axes[1].set(title="Share of finished responses", xlabel="update", ylim=(0, 1.02))
        for each in axes:
            _mark(each, kept)

    return _svg(draw, columns=2)


def losses(rows: Rows) -> str:
    """Every curve of supervised fine-tuning whose name says loss."""

    def draw(axes: Sequence[Axes]) -> None:
        names = sorted({name for row in rows for name in row if "loss" in name})
        for name, color in zip(names, (BLUE, ORANGE, GREEN, GREY), strict=False):
            points = [(row["epoch"], row[name]) for row in rows if name in row]
            axes[0].plot(*zip(*points, strict=True), color=color, label=name, marker=".")
        axes[0].set(title="Loss, nats per token", xlabel="epoch")
        axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[0].legend(loc="upper right")

    return _svg(draw, columns=1)


def reward_model(
    shares: dict[str, float], chosen: Sequence[float], rejected: Sequence[float]
) -> str:
    """Accuracy by model and rule, and the scores of preferred and rejected responses."""

    def draw(axes: Sequence[Axes]) -> None:
        names = list(shares)
        axes[0].barh(names, list(shares.values()), color=[BLUE] * (len(names) - 1) + [GREY])
        axes[0].invert_yaxis()
        axes[0].axvline(0.5, color=GREY, linestyle=":")
        axes[0].set(title="Pairwise accuracy", xlim=(0, 1))
        for place, share in enumerate(shares.values()):
            axes[0].text(min(share + 0.02, 0.88), place, f"{share:.0%}", va="center")
        _histograms(axes[1], {"preferred": (chosen, BLUE), "rejected": (rejected, ORANGE)})
        axes[1].set(title="Scores on unseen comparisons", xlabel="score")

    return _svg(draw, columns=2)


def distributions(title: str, first: Named, other: Named) -> str:
    """The scores of two policies' responses, each with its name."""

    def draw(axes: Sequence[Axes]) -> None:
        _histograms(axes[0], {first[0]: (first[1], ORANGE), other[0]: (other[1], BLUE)})
        axes[0].set(title=title, xlabel="score")

    return _svg(draw, columns=1)


def arms(names: Sequence[str], groups: dict[str, list[list[float]]]) -> str:
    """Points of several groups at each name, a mark at their mean: ``groups`` has a list a name."""

    def draw(axes: Sequence[Axes]) -> None:
        colors = (BLUE, GREY, ORANGE, GREEN)
        for place, ((label, values), color) in enumerate(zip(groups.items(), colors, strict=False)):
            offset = (place - (len(groups) - 1) / 2) * 0.18
            for row, points in enumerate(values):
                where = [row + offset] * len(points)
                axes[0].plot(points, where, "o", color=color, markersize=3, alpha=0.6)
                axes[0].plot(np.mean(points), row + offset, "|", color=color, markersize=12)
            axes[0].plot([], [], "o", color=color, label=label)
        axes[0].axvline(0, color=GREY, linestyle=":")
        axes[0].set_yticks(range(len(names)), names)
        axes[0].invert_yaxis()
        axes[0].set(title="Gain over the first policy")
        axes[0].legend(loc="best")

    return _svg(draw, columns=1, height=1.2 + 0.6 * len(names))


def _histograms(axes: Axes, groups: dict[str, tuple[Sequence[float], str]]) -> None:
    everything = [value for values, _ in groups.values() for value in values]
    span = (min(everything), max(everything)) if everything else (0.0, 1.0)
    for name, (values, color) in groups.items():
        axes.hist(values, bins=20, range=span, color=color, alpha=0.55, label=name)
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper left", ncols=2)


def _mark(axes: Axes, kept: int) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.axvline(kept, color=GREY, linestyle="--", linewidth=1)
    axes.annotate(
        "kept", (kept, 1.0), xycoords=("data", "axes fraction"), xytext=(4, -2),
        textcoords="offset points", va="top", color=GREY, fontsize=9,
    )  # fmt: skip


def _svg(draw: Callable[[Sequence[Axes]], None], columns: int, height: float = 3.0) -> str:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.6 * columns, height), layout="constrained")
        axes = [figure.add_subplot(1, columns, i + 1) for i in range(columns)]
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace(_INK, "currentColor")
