"""Reproduces a policy: runs its iteration again from the frozen snapshot, settings and seeds."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moderation.classifier import ModerationClassifier
from training.iteration.run import Outcome, run_iteration
from training.progress import Progress, silent
from tutelage.composition import Core, open_core
from tutelage.errors import Conflict, NotFound
from tutelage.iteration_folder import IterationFolder
from tutelage.policies import deployment
from tutelage.policies.parity import PARITY
from tutelage.tables import Iteration, Team

COMPARED = ("gain", "win_rate", "kl", "current", "candidate")


@dataclass(frozen=True)
class Reproduction:
    """The second run compared with the first."""

    policy_id: str
    equal: bool  # every file has the same bytes
    differing: list[str]  # files whose bytes differ
    largest_difference: float  # between the measures, where bytes differ
    metrics: dict[str, Any]


def reproduce(
    core: Core,
    policy_id: str,
    classifier: ModerationClassifier | None = None,
    watch: Progress = silent,
) -> Reproduction:
    """Run the policy's iteration again in a folder of its own and compare.

    Needs the iteration's snapshot and the weights of its parent and its baseline. Equal bytes are
    guaranteed on the same kind of processor with the same libraries; elsewhere rounding differs,
    and the metrics are to be compared.
    """
    manifest = core.library.manifest(policy_id)
    if not manifest.get("iteration"):
        raise NotFound(f"{policy_id} was not made by an iteration; there is nothing to reproduce.")
    for needed in _needed(core, manifest):
        core.library.require_weights(needed)
    with tempfile.TemporaryDirectory(prefix="tutelage-reproduce-") as folder:
        beside = _prepared(core, policy_id, manifest, Path(folder))
        outcome = run_iteration(beside, manifest["iteration"], classifier, watch)
        found = _compared(policy_id, manifest, beside, outcome)
        beside.store.close()
    return found


def _prepared(core: Core, policy_id: str, manifest: dict[str, Any], folder: Path) -> Core:
    """A data folder as it was when the iteration had taken its snapshot."""
    iteration_id, parent = manifest["iteration"], manifest["parent"]
    before = core.iteration(iteration_id)
    after = IterationFolder(folder / "iterations" / iteration_id)
    if not before.snapshot_digest.is_file():
        raise NotFound(f"The snapshot of {iteration_id} was deleted, so it cannot be reproduced.")
    if json.loads(before.snapshot_digest.read_text())["sha256"] != manifest["snapshot_sha256"]:
        raise Conflict(f"The snapshot of {iteration_id} is not the one that {policy_id} names.")
    shutil.copytree(before.snapshot, after.snapshot)
    shutil.copy(before.config, after.config)
    (folder / "policies").mkdir()
    for needed in _needed(core, manifest):
        (folder / "policies" / needed).symlink_to(core.library.path(needed).absolute())
    here = {"data": folder, "database_url": "", "artifacts": ""}
    beside = open_core(core.settings.model_copy(update=here))
    with beside.store.write() as session:
        deployment.register(session, parent, core.library.manifest_sha256(parent))
        deployment.promote(session, parent, "reproduction")
        if "team" in manifest:
            session.add(Team(**manifest["team"]))
        session.add(
            Iteration(
                id=iteration_id, unique_key="reproduction", preset=manifest["preset"],
                parent_policy_id=parent, baseline_policy_id=manifest.get("compared_with", parent),
                policy_id=policy_id, requested_by="reproduction",
                team_id=manifest["team"]["id"] if "team" in manifest else None,
            )
        )  # fmt: skip
    return beside


def _needed(core: Core, manifest: dict[str, Any]) -> set[str]:
    """What the iteration read: its parent, what the gate compared with, and their bases."""
    read = {manifest["parent"], manifest.get("compared_with", manifest["parent"])}
    return read | {base for each in read if (base := core.library.base(each))}


def _compared(
    policy_id: str, manifest: dict[str, Any], beside: Core, outcome: Outcome
) -> Reproduction:
    made = beside.library.manifest(policy_id)["files"] if outcome.policy_id else {}
    wanted = manifest["files"]
    if PARITY not in wanted:  # published before policies had one
        made.pop(PARITY, None)
    differing = sorted(n for n in wanted | made if wanted.get(n) != made.get(n))
    return Reproduction(
        policy_id,
        not differing,
        differing,
        _furthest(manifest["metrics"], outcome.metrics),
        {name: outcome.metrics.get(name) for name in COMPARED},
    )


def _furthest(first: Any, second: Any) -> float:
    """The largest difference between numbers at the same place, over what both have."""
    if isinstance(first, dict) and isinstance(second, dict):
        both = first.keys() & second.keys()
        return max((_furthest(first[key], second[key]) for key in both), default=0.0)
    numbers = isinstance(first, int | float) and isinstance(second, int | float)
    return abs(float(first) - float(second)) if numbers else 0.0
