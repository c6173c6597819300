"""The page of a proof: what was taught, what the controls gained, what changed besides."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from training.demo.controls import CONTROLS, ProofArm
from training.demo.preferences import PREFERENCES
from training.demo.proof import ArmResult, TasteEffect, effects
from training.reports import plots
from training.reports.report import example, figure, page, table, tiles
from tutelage import atomic, jsonl

EXAMPLES_SHOWN = 3  # of each taste


def write_page(folder: Path, results: Sequence[ArmResult]) -> Path:
    """Writes ``proof.html`` into the folder that ``prove`` worked in."""
    found = list(effects(results))
    sections = [
        ("Gain and controls", _gains(found)),
        ("Each taste", _tastes(found, results)),
        ("What else changed", _side_effects(found, results)),
        ("Responses", _responses(folder, found)),
        ("Cost", _costs(found, results)),
    ]
    proved = sum(effect.net is not None and effect.net.low > 0 for effect in found)
    seeds = len({result.seed for result in results})
    head = tiles(
        [
            (f"{proved} of {len(found)}", "tastes whose gain over the best control is above zero"),
            (str(seeds), "seeds"),
        ]
    )
    html = page(
        "Was it the teaching?",
        "Gain of the candidate over the first policy, by the true preference, on unseen prompts. "
        "Controls learn from the same responses without the preference.",
        head,
        sections,
        "Intervals are Student's over seeds, 95 %. With one seed there is none.",
    )
    path = folder / "proof.html"
    atomic.write_text(path, html)
    return path


def rows(found: Sequence[TasteEffect]) -> list[tuple[str, ...]]:
    """A line per taste: mean gain of each arm, and the gain over the best control."""
    return [
        (
            effect.taste,
            *(f"{_mean(effect.gains[arm]):+.2f}" for arm in ProofArm),
            net_of(effect),
            effect.best_control.value,
        )
        for effect in found
    ]


HEADER = ("Taste", *(arm.value for arm in ProofArm), "Net of best control", "Best control")


def net_of(effect: TasteEffect) -> str:
    """Taught less best control, with the interval where there are two seeds or more."""
    if effect.net:
        return str(effect.net)
    return f"{_mean(effect.gains[ProofArm.TAUGHT]) - _mean(effect.gains[effect.best_control]):+.2f}"


def _gains(found: Sequence[TasteEffect]) -> str:
    plot = plots.arms(
        [effect.taste for effect in found],
        {arm.value: [effect.gains[arm] for effect in found] for arm in ProofArm},
    )
    caption = "Each point is a seed. A gain that a control has too was not taught."
    return figure(plot, caption) + table(HEADER, rows(found))


def _tastes(found: Sequence[TasteEffect], results: Sequence[ArmResult]) -> str:
    lines = []
    for effect in found:
        own = [r for r in results if r.taste == effect.taste and r.arm == ProofArm.TAUGHT]
        decisions = ", ".join(r.decision for r in own)
        words, finished = _mean([r.words for r in own]), _mean([r.finished for r in own])
        lines.append(
            (effect.taste, PREFERENCES[effect.taste].meaning, f"{words:.0f}", f"{finished:.0%}",
             ", ".join(str(r.updates) for r in own), decisions)
        )  # fmt: skip
    header = ("Taste", "Meaning", "Words", "Finished", "Updates kept", "Gate")
    return table(header, lines)


def _side_effects(found: Sequence[TasteEffect], results: Sequence[ArmResult]) -> str:
    """The taught policy's gain in every taste: a row per taste that was taught."""
    names = list(PREFERENCES)
    lines = [
        (
            effect.taste,
            *(
                f"{_mean([r.gains[name] for r in results if _taught(r, effect)]):+.2f}"
                for name in names
            ),
        )
        for effect in found
    ]
    return table(("Taught", *names), lines)


def _responses(folder: Path, found: Sequence[TasteEffect]) -> str:
    shown = []
    for effect in found:
        files = sorted(folder.glob(f"{effect.taste}-*/{ProofArm.TAUGHT}.jsonl"))
        for row in jsonl.read(files[0])[:EXAMPLES_SHOWN] if files else []:
            heads = [f"<small>{name}</small>" for name in ("first policy", effect.taste)]
            shown.append(
                example(
                    row["prompt"],
                    heads[0] + (escape(row["first"]) or "<em>(empty)</em>"),
                    heads[1] + (escape(row["candidate"]) or "<em>(empty)</em>"),
                )
            )
    return "".join(shown)


def _costs(found: Sequence[TasteEffect], results: Sequence[ArmResult]) -> str:
    lines = []
    for effect in found:
        own = [r for r in results if _taught(r, effect)]
        controls = [r.minutes for r in results if r.taste == effect.taste and r.arm in CONTROLS]
        lines.append(
            (effect.taste, f"{_mean([r.judgements for r in own]):.0f}",
             f"{_mean([r.minutes for r in own]):.1f}", f"{_mean(controls):.1f}")
        )  # fmt: skip
    return table(("Taste", "Judgements", "Minutes, taught", "Minutes, a control"), lines)


def _taught(result: ArmResult, effect: TasteEffect) -> bool:
    return result.taste == effect.taste and result.arm == ProofArm.TAUGHT


def _mean(values: Sequence[float]) -> float:
    return float(sum(values) / len(values))
