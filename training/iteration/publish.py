"""Publication: a candidate becomes a policy directory with its lineage, and a row."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

import tutelage
from training.config import IterationConfig
from training.reports.model_card import write_card
from training.stage_results import SnapshotResult
from tutelage.chat import inbox
from tutelage.composition import Core
from tutelage.errors import Conflict
from tutelage.iterations import iterations
from tutelage.iterations.iterations import Lease
from tutelage.policies import deployment
from tutelage.policies import lineage as lineage_records
from tutelage.policies.library import copy_policy
from tutelage.policies.parity import load_whole, write_reference
from tutelage.tables import Conversation, Feedback, Iteration, Team


def lineage_of(
    iteration: Iteration,
    config: IterationConfig,
    snapshot: SnapshotResult,
    team: Team | None = None,
) -> dict[str, Any]:
    """Where a policy comes from; nothing here depends on the clock."""
    return {
        "parent": iteration.parent_policy_id,
        "compared_with": iteration.baseline_policy_id,
        "iteration": iteration.id,
        "preset": config.preset,
        **({"team": {"id": team.id, "name": team.name}} if team else {}),
        "seed": config.seed,
        "code_version": tutelage.__version__,
        "snapshot": snapshot.as_json(),
        "snapshot_sha256": snapshot.sha256,
        "config": asdict(config),
        "config_sha256": config.digest(),
    }


def publish(
    core: Core, lease: Lease, policy_id: str, candidate: Path, lineage: dict[str, Any]
) -> None:
    """Publish and register the candidate; idempotent.

    Raises Conflict when another iteration's policy has that id, or when the lease is lost.
    """
    if not _published(core, policy_id, lineage["iteration"]):
        core.library.publish(policy_id, build_policy(candidate, policy_id, lineage), lineage)
    team_id = lineage["team"]["id"] if "team" in lineage else None
    taught = lineage_records.learned_by(core.iteration(lineage["iteration"]))
    with core.store.write() as session:
        iterations.heartbeat(session, lease)
        deployment.register(
            session,
            policy_id,
            core.library.manifest_sha256(policy_id),
            lineage["parent"],
            lineage["iteration"],
            lease.owner,
            team_id,
        )
        told = taught.feedback & _said_in(session, team_id) if team_id else taught.feedback
        inbox.tell_taught(
            session, lineage["iteration"], policy_id, told - taught.held_out,
            told & taught.held_out,
        )  # fmt: skip


def build_policy(
    candidate: Path, policy_id: str, lineage: dict[str, Any]
) -> Callable[[Path], None]:
    """What fills the directory of a policy that is published: weights, reference, card."""

    def build(directory: Path) -> None:
        copy_policy(candidate, directory)
        write_reference(directory, load_whole(directory, "auto"))
        write_card(directory, policy_id, lineage)

    return build


def _said_in(session: Session, team_id: str) -> set[str]:
    """The judgements of a team's members: only they may ask its policy."""
    chats = select(Conversation.id).where(Conversation.team_id == team_id)
    return set(session.exec(select(Feedback.id).where(col(Feedback.conversation_id).in_(chats))))


def _published(core: Core, policy_id: str, iteration_id: str) -> bool:
    if policy_id not in core.library.ids():
        return False
    owner = core.library.manifest(policy_id).get("iteration")
    if owner != iteration_id:
        raise Conflict(
            f"{policy_id} was published by {owner or 'another process'} in the meantime. "
            "Cancel this iteration and request it again."
        )
    return True
