"""Heads that learned from appeals: which there are, and which of them are in force."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.errors import NotFound
from tutelage.tables import ModerationHeads

EXAMPLES = "appeals.jsonl"
DESCRIPTION = "heads.json"


def folder(data: Path) -> Path:
    """Where they are kept in a data folder, each in a folder named by its version."""
    return data / "moderation"


def listed(kept: Path) -> list[dict[str, Any]]:
    """The descriptions of all, newest first."""
    found = [json.loads(path.read_text("utf-8")) for path in kept.glob(f"*/{DESCRIPTION}")]
    return sorted(found, key=lambda each: -each["created_at"])


def in_force(session: Session) -> str | None:
    """The version that an operator put in force; None: the heads that ship."""
    newest = select(ModerationHeads).order_by(col(ModerationHeads.id).desc())
    row = session.exec(newest).first()
    return row.version if row else None


def put_in_force(session: Session, kept: Path, version: str | None, author_id: str) -> None:
    """Every service on this database follows within seconds. Raises NotFound for no such heads."""
    if version is not None and version not in {each["version"] for each in listed(kept)}:
        raise NotFound(f"There are no moderation heads {version!r} in {kept}.")
    row = ModerationHeads(author_id=author_id, version=version)
    session.add(row)
    audit.record(session, author_id, "moderation.heads", row.id, version=version or "shipped")


def record_learning(session: Session, described: Mapping[str, Any], author_id: str) -> None:
    """Note in the audit log what was learned from which examples."""
    audit.record(session, author_id, "moderation.learn", described["version"],
                 decisions=described["decisions"],
                 examples_sha256=described["examples_sha256"])  # fmt: skip
