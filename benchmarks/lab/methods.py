"""The methods of ``[optimise]`` side by side: every rung of their ladders by the true reward."""

import json
import resource
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from lab.bench import CONFIG, TEST, ToyPolicy, golds, optimise

from training.model.checkpoint import load_state
from training.model.lora import interpolated
from training.optimise.optimise import METHODS
from tutelage import atomic, jsonl
from tutelage.iteration_folder import LADDER, RUNGS
from tutelage.statistics import bootstrap

SAMPLES = 8  # responses per test prompt and rung
RESAMPLES = 2000


@dataclass(frozen=True)
class TrueRung:
    """A rung of a ladder with its true gain over the first policy."""

    update: int
    scale: float
    kl: float
    heldout: float
    gain: float


@dataclass(frozen=True)
class MethodRun:
    """One method with one seed."""

    rungs: list[TrueRung]
    kept: int  # its place among the rungs
    cpu_seconds: float
    stop_reason: str


def run_method(
    name: str, base: Path, rewards: Path, judged: Sequence[dict[str, Any]], out: Path, seed: int
) -> MethodRun:
    """Trains by one method with the product's settings and measures its ladder.

    What is there from an earlier call is read.
    """
    file = out / "run.json"
    if file.is_file():
        found = json.loads(file.read_text("utf-8"))
        return MethodRun(**found | {"rungs": [TrueRung(**rung) for rung in found["rungs"]]})
    config = replace(CONFIG, optimise=replace(CONFIG.optimise, method=name))
    before = _cpu_seconds()
    result = optimise(base, rewards, out, seed=seed, config=config, judged=judged)
    spent = _cpu_seconds() - before
    rows = jsonl.read(out / RUNGS)
    places = [(row["update"], row["scale"]) for row in rows]
    run = MethodRun(
        _measured(base, out, rows),
        places.index((result["kept_update"], result["kept_scale"])),
        spent,
        result["stop_reason"],
    )
    atomic.write_text(file, json.dumps(asdict(run)))
    return run


def _measured(base: Path, out: Path, rows: Sequence[dict[str, Any]]) -> list[TrueRung]:
    policy, found, first = ToyPolicy(base), [], 0.0
    for row in rows:
        adapter, _ = load_state(out / LADDER / f"{int(row['update']):04d}.safetensors")
        answers = policy.answers(TEST, SAMPLES, 5, interpolated(adapter, row["scale"]))
        gold = float(np.mean(golds(TEST, answers)))
        first = first if found else gold
        found.append(
            TrueRung(
                int(row["update"]), row["scale"], row["objective/kl"], row["heldout/score"],
                gold - first,
            )
        )  # fmt: skip
    return found


def table(runs: dict[str, list[MethodRun]]) -> dict[str, Any]:
    """By method: the gain of the rung kept, and what there was to be had."""
    found = {}
    for name, several in runs.items():
        kept = [run.rungs[run.kept] for run in several]
        best = [max(rung.gain for rung in run.rungs) for run in several]
        found[name] = {
            "gain": asdict(bootstrap([rung.gain for rung in kept], RESAMPLES, 0)),
            "worst": min(rung.gain for rung in kept),
            "share_of_best_rung": float(
                np.mean([r.gain / b for r, b in zip(kept, best, strict=True)])
            ),
            "best_rung": float(np.mean(best)),
            "kl": float(np.mean([rung.kl for rung in kept])),
            "largest_kl": max(rung.kl for rung in kept),
            "scaled": sum(rung.scale < 1 for rung in kept),
            "cpu_seconds": float(np.mean([run.cpu_seconds for run in several])),
            "seeds": len(several),
        }
    return found


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


ALL_METHODS = tuple(METHODS)
