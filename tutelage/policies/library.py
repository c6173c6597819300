"""Policy directories: published whole or not at all, and checkable afterwards.

A reader sees either no policy or a complete one, also after kill -9 or power loss.
"""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tutelage import atomic
from tutelage.errors import Conflict, NotFound, Unavailable

MANIFEST, CARD = "manifest.json", "card.md"
WEIGHTS_REMOVED = ".weights-removed"  # a mark: the weights went to save disk space
WEIGHTS = ".safetensors"
_ID = re.compile(r"policy-[0-9]{4,}")


class PolicyLibrary:
    """All published policies under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ids(self) -> list[str]:
        """Ids of the published policies, oldest first."""
        if not self.root.is_dir():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if _ID.fullmatch(entry.name))

    def next_id(self) -> str:
        """The id that the next publication gets."""
        ids = self.ids()
        return f"policy-{int(ids[-1].split('-')[1]) + 1 if ids else 0:04d}"

    def path(self, policy_id: str) -> Path:
        """The directory of a published policy."""
        path = self.root / policy_id
        if not _ID.fullmatch(policy_id) or not path.is_dir():
            raise NotFound(f"Policy {policy_id!r} not found in {self.root}.")
        return path

    def manifest(self, policy_id: str) -> dict[str, Any]:
        """The manifest: sha256 of every file, and the lineage."""
        path = self.path(policy_id) / MANIFEST
        try:
            manifest: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise Unavailable(f"{policy_id} has no readable manifest: {error}.") from error
        return manifest

    def manifest_sha256(self, policy_id: str) -> str:
        """The digest that identifies the whole policy."""
        return sha256_of(self.path(policy_id) / MANIFEST)

    def publish(
        self, policy_id: str, build: Callable[[Path], None], lineage: dict[str, Any]
    ) -> Path:
        """Let ``build`` fill an empty directory, then publish it with a manifest, atomically."""
        if not _ID.fullmatch(policy_id):
            raise NotFound(f"{policy_id!r} is not a policy id (example: policy-0007).")
        target = self.root / policy_id
        if target.exists():
            raise Conflict(
                f"{policy_id} is already published, and a published policy never changes."
            )
        try:
            with atomic.directory(target) as building:
                build(building)
                _write_manifest(building, policy_id, lineage)
        except OSError as error:
            raise Unavailable(
                f"{target} could not be written ({error}); nothing was published. "
                "Free some disk space and run it again."
            ) from error
        return target

    def has_weights(self, policy_id: str) -> bool:
        """Whether the weights are still there; retention removes those of old policies."""
        return not (self.path(policy_id) / WEIGHTS_REMOVED).exists()

    def delete_weights(self, policy_id: str) -> None:
        """Remove the weights; the mark comes first, so that no half policy is ever read."""
        path = self.path(policy_id)
        atomic.write_text(path / WEIGHTS_REMOVED, "The weights were deleted to save disk space.\n")
        for file in path.glob(f"*{WEIGHTS}"):
            file.unlink()

    def require_weights(self, policy_id: str) -> None:
        """Raises Conflict when the policy cannot be served any more."""
        if not self.has_weights(policy_id):
            raise Conflict(
                f"The weights of {policy_id} were deleted to save disk space. Restore them with "
                f"`tutelage policies reproduce {policy_id}`."
            )

    def verify(self, policy_id: str) -> list[str]:
        """What differs between the files and the manifest, a sentence each; empty when nothing."""
        path = self.path(policy_id)
        try:
            expected: dict[str, str] = self.manifest(policy_id)["files"]
        except (Unavailable, KeyError) as error:
            return [f"The manifest cannot be read ({error})."]
        found = digests(path)
        found.pop(WEIGHTS_REMOVED, None)
        if not self.has_weights(policy_id):
            expected = {n: d for n, d in expected.items() if not n.endswith(WEIGHTS)}
        return [
            _difference(name, expected.get(name), found.get(name))
            for name in sorted(expected.keys() | found.keys())
            if expected.get(name) != found.get(name)
        ]


def _difference(name: str, expected: str | None, found: str | None) -> str:
    if found is None:
        return f"{name} is missing."
    if expected is None:
        return f"{name} is not in the manifest."
    return f"{name} has changed since it was published."


def digests(directory: Path) -> dict[str, str]:
    """sha256 of every file below, by relative path, but for the manifest itself."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(directory)): sha256_of(path) for path in files if path.name != MANIFEST
    }


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_manifest(directory: Path, policy_id: str, lineage: dict[str, Any]) -> None:
    manifest = {"id": policy_id, **lineage, "files": digests(directory)}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
