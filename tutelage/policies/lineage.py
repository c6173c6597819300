"""From feedback to the iterations that learned from it, and to the policies that came of them.

The frozen snapshots are the evidence: each row names its feedback and its conversation. Whatever
a policy learned, the policies that were trained further from it have learned as well.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlmodel import Session, select

from tutelage import jsonl
from tutelage.errors import NotFound
from tutelage.iteration_folder import IterationFolder, with_snapshot
from tutelage.policies.library import PolicyLibrary
from tutelage.tables import Message, PolicyVersion

_FILES = ("rankings", "thumbs", "demonstrations")
_IMPLIED = "signals"  # what people did, not what they said


@dataclass(frozen=True)
class Learned:
    """What one iteration was given to learn from, by ids."""

    feedback: frozenset[str]
    conversations: frozenset[str]
    held_out: frozenset[str] = frozenset()  # of the feedback: that on the side which measures
    left_out: Mapping[str, str] = field(default_factory=dict)  # reasons by feedback


def learned(iterations: Path) -> dict[str, Learned]:
    """What each iteration with a complete snapshot learned from; the keys are iteration ids."""
    return {each.id: learned_by(each) for each in with_snapshot(iterations)}


def learned_by(folder: IterationFolder) -> Learned:
    """What one iteration was given; its snapshot is complete."""
    return _learned(folder, folder.snapshot_digest.stat().st_mtime_ns)


def uses(snapshots: Mapping[str, Learned], feedback_id: str) -> list[str]:
    """The iterations that used a judgement, oldest first."""
    return [name for name, snapshot in snapshots.items() if feedback_id in snapshot.feedback]


def affected(
    session: Session, iterations: Path, conversations: Collection[str], feedback: Collection[str]
) -> list[str]:
    """The policies that learned from any of these, and those trained further from them."""
    erased, judged = frozenset(conversations), frozenset(feedback)
    taught = {
        name
        for name, snapshot in learned(iterations).items()
        if snapshot.conversations & erased or snapshot.feedback & judged
    }
    versions = sorted(session.exec(select(PolicyVersion)), key=lambda version: version.id)
    return _with_descendants(versions, taught)


def lineage_of_message(
    session: Session, library: PolicyLibrary, iterations: Path, message_id: str
) -> list[dict[str, Any]]:
    """What is behind an answer: its policy and that policy's ancestors, newest first.

    Each step names the iteration, the snapshot's digest, the judgements learned from, and whether
    the policy's files are those that were published.
    """
    message = session.get(Message, message_id)
    if message is None or message.policy_id is None:
        raise NotFound(f"{message_id!r} is not an assistant message.")
    snapshots, steps = learned(iterations), []
    policy_id: str | None = message.policy_id
    while policy_id is not None:
        manifest = library.manifest(policy_id)
        taught = snapshots.get(manifest.get("iteration", ""), Learned(frozenset(), frozenset()))
        steps.append(
            {
                "policy": policy_id,
                "intact": not library.verify(policy_id),
                "iteration": manifest.get("iteration"),
                "snapshot_sha256": manifest.get("snapshot_sha256", ""),
                "feedback": sorted(taught.feedback),
                "conversations": len(taught.conversations),
            }
        )
        policy_id = manifest.get("parent")
    return steps


def unaffected_ancestor(session: Session, policies: Collection[str]) -> str | None:
    """The newest policy from which the first of these descends and that is none of them."""
    tainted = set(policies)
    version = session.get(PolicyVersion, min(tainted)) if tainted else None
    while version is not None and version.id in tainted:
        version = session.get(PolicyVersion, version.parent_id) if version.parent_id else None
    return version.id if version else None


def _with_descendants(versions: Iterable[PolicyVersion], taught: set[str]) -> list[str]:
    """In order of ids a parent comes before its children."""
    tainted: list[str] = []
    for version in versions:
        if version.iteration_id in taught or version.parent_id in tainted:
            tainted.append(version.id)
    return tainted


@lru_cache(maxsize=256)
def _learned(folder: IterationFolder, _changed: int) -> Learned:
    rows = [row for name in _FILES for row in _rows(folder.snapshot_rows(name))]
    implied = _rows(folder.snapshot_rows(_IMPLIED))
    return Learned(
        frozenset(row["id"] for row in rows),
        frozenset(row["conversation_id"] for row in rows + implied),
        frozenset(row["id"] for row in rows if row.get("split") == "held_out"),
        {row["id"]: row["reason"] for row in _rows(folder.left_out)},
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return jsonl.read(path) if path.is_file() else []
