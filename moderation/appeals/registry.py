"""Heads retrained on appeals: which exist, and which version is active."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.artifacts.object_storage import CONTENTS, ObjectStorage
from tutelage.errors import Conflict, NotFound
from tutelage.policies.library import sha256_of
from tutelage.tables import ModerationHeads

EXAMPLES = "appeals.jsonl"
DESCRIPTION = "heads.json"
BELOW = "moderation"


def folder(data: Path, storage: ObjectStorage | None) -> Path:
    """The folder of retrained heads in a data folder; each version has a subfolder.

    What other machines have trained is downloaded from the storage.
    """
    kept = data / "moderation"
    for key in storage.listed(BELOW) if storage else ():
        version = key.removesuffix(CONTENTS)
        if storage and not (kept / version / DESCRIPTION).is_file():
            storage.pull(f"{BELOW}/{version}", kept / version, DESCRIPTION)
    return kept


def share(kept: Path, version: str, storage: ObjectStorage | None) -> None:
    """Upload heads, so that other machines find them; the same decisions make the same heads."""
    if storage:
        heads = kept / version
        files = {path.name: sha256_of(path) for path in heads.iterdir() if path.is_file()}
        with suppress(Conflict):  # another machine was faster
            storage.publish(f"{BELOW}/{version}", heads, files)


def listed(kept: Path) -> list[dict[str, Any]]:
    """The descriptions of all retrained heads, newest first."""
    found = [json.loads(path.read_text("utf-8")) for path in kept.glob(f"*/{DESCRIPTION}")]
    return sorted(found, key=lambda each: -each["created_at"])


def active_version(session: Session) -> str | None:
    """The version that an operator activated; None: the shipped heads."""
    newest = select(ModerationHeads).order_by(col(ModerationHeads.seq).desc())
    row = session.exec(newest).first()
    return row.version if row else None


def activate(session: Session, kept: Path, version: str | None, author_id: str) -> None:
    """Activate heads; every service on this database follows within seconds. Raises NotFound."""
    if version is not None and version not in {each["version"] for each in listed(kept)}:
        raise NotFound(f"Moderation heads {version!r} not found in {kept}.")
    row = ModerationHeads(author_id=author_id, version=version)
    session.add(row)
    audit.record(session, author_id, "moderation.heads", row.id, version=version or "shipped")


def record_retraining(session: Session, described: Mapping[str, Any], author_id: str) -> None:
    """Record in the audit log which examples the heads were trained on."""
    audit.record(session, author_id, "moderation.learn", described["version"],
                 decisions=described["decisions"],
                 examples_sha256=described["examples_sha256"])  # fmt: skip
