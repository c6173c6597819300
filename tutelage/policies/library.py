"""Policy directories: published whole or not at all, and checkable afterwards.

A reader sees either no policy or a complete one, also after kill -9 or power loss. A policy has
weights of its own, or an adapter over those of another one, its base.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tutelage import atomic
from tutelage.errors import Conflict, NotFound, Unavailable

MANIFEST, CARD = "manifest.json", "card.md"
WEIGHTS_REMOVED = ".weights-removed"  # a mark: the weights went to save disk space
REMOVED_TEXT = "The weights were deleted to save disk space.\n"
DELETED = ".deleted"  # a mark beside the policies: this one is gone
WEIGHTS = ".safetensors"
ADAPTER_CONFIG = "adapter_config.json"  # of PEFT; where there is one the policy has a base
_ID = re.compile(r"policy-[0-9]{4,}")


def is_policy_id(text: str) -> bool:
    """Whether it has the form of an id, such as policy-0007."""
    return _ID.fullmatch(text) is not None


class PolicyLibrary:
    """All published policies under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ids(self) -> list[str]:
        """Ids of the published policies, oldest first."""
        if not self.root.is_dir():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if is_policy_id(entry.name))

    def has(self, policy_id: str) -> bool:
        """Whether a policy of this id is published."""
        return is_policy_id(policy_id) and (self.root / policy_id).is_dir()

    def next_id(self) -> str:
        """The id that the next publication gets."""
        published = self.ids()
        deleted = [mark.stem for mark in self.root.glob(f"*{DELETED}")]
        newest = max([*published, *deleted], default=None)
        return f"policy-{int(newest.split('-')[1]) + 1 if newest else 0:04d}"

    def path(self, policy_id: str) -> Path:
        """The directory of a published policy."""
        path = self.root / policy_id
        if not is_policy_id(policy_id) or not path.is_dir():
            raise NotFound(f"Policy {policy_id!r} not found in {self.root}.")
        return path

    def read(self, policy_id: str, file: str) -> bytes:
        """A small file of a policy, such as its card. Raises NotFound and OSError."""
        return (self.path(policy_id) / file).read_bytes()

    def manifest(self, policy_id: str) -> dict[str, Any]:
        """The manifest: sha256 of every file, and the lineage."""
        try:
            manifest: dict[str, Any] = json.loads(self.read(policy_id, MANIFEST))
        except (OSError, ValueError) as error:
            raise Unavailable(f"{policy_id} has no readable manifest: {error}.") from error
        return manifest

    def manifest_sha256(self, policy_id: str) -> str:
        """The digest that identifies the whole policy."""
        return hashlib.sha256(self.read(policy_id, MANIFEST)).hexdigest()

    def publish(
        self, policy_id: str, build: Callable[[Path], None], lineage: dict[str, Any]
    ) -> Path:
        """Let ``build`` fill an empty directory, then publish it with a manifest, atomically."""
        if not is_policy_id(policy_id):
            raise NotFound(f"{policy_id!r} is not a policy id (example: policy-0007).")
        target = self.root / policy_id
        if self.has(policy_id):
            raise Conflict(
                f"{policy_id} is already published, and a published policy never changes."
            )
        try:
            with atomic.directory(target) as building:
                build(building)
                facts = lineage | self._base_facts(building)
                self._share(building, policy_id, _write_manifest(building, policy_id, facts))
        except OSError as error:
            raise Unavailable(
                f"{target} could not be written ({error}); nothing was published. "
                "Free some disk space and run it again."
            ) from error
        return target

    def base(self, policy_id: str) -> str | None:
        """The policy whose weights this one's adapter changes; None where none can be read."""
        try:
            base: str | None = self.manifest(policy_id).get("base")
        except Unavailable:
            return None
        return base

    def adapters_over(self, policy_id: str) -> list[str]:
        """The policies that cannot be loaded without the weights of this one."""
        with_weights = (p for p in self.ids() if self.has_weights(p))
        return [p for p in with_weights if self.base(p) == policy_id]

    def has_weights(self, policy_id: str) -> bool:
        """Whether the weights are still there; retention removes those of old policies."""
        return not (self.path(policy_id) / WEIGHTS_REMOVED).exists()

    def delete_weights(self, policy_id: str) -> None:
        """Remove the weights; the mark comes first, so that no half policy is ever read.

        Raises Conflict where other policies are adapters over them.
        """
        if not self.has(policy_id):
            raise NotFound(f"Policy {policy_id!r} not found in {self.root}.")
        if adapters := self.adapters_over(policy_id):
            raise Conflict(
                f"The weights of {policy_id} are the base of {', '.join(adapters)}. Delete the "
                "weights of those first."
            )
        self._drop_weights(policy_id)

    def delete(self, policy_id: str) -> None:
        """Remove a policy with all its files, where it is there; its id is never given again.

        Raises Conflict where other policies are adapters over it.
        """
        if not self.has(policy_id):
            return
        if adapters := self.adapters_over(policy_id):
            raise Conflict(f"{policy_id} is the base of {', '.join(adapters)}.")
        self._remove(policy_id)

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
        ] + self._base_problems(policy_id)

    def _share(self, directory: Path, policy_id: str, files: Mapping[str, str]) -> None:
        """Called with a policy that is whole, before it takes its place; ``files``: digests."""

    def _drop_weights(self, policy_id: str) -> None:
        path = self.path(policy_id)
        atomic.write_text(path / WEIGHTS_REMOVED, REMOVED_TEXT)
        for file in path.glob(f"*{WEIGHTS}"):
            file.unlink()

    def _remove(self, policy_id: str) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        mark, leaving = self.root / f"{policy_id}{DELETED}", self.root / f".{policy_id}.part"
        if not mark.exists():
            atomic.write_text(mark, "")
        if (self.root / policy_id).is_dir():
            (self.root / policy_id).rename(leaving)
            shutil.rmtree(leaving)

    def _base_facts(self, directory: Path) -> dict[str, str]:
        """What the manifest of an adapter says of its base: its id, and its manifest's digest."""
        base = base_of(directory)
        if base is None:
            return {}
        if base.name not in self.ids() or not self.path(base.name).samefile(base):
            raise Conflict(
                f"The base of this adapter, {base}, is not a policy in {self.root}. Export it "
                "merged, with `tutelage policies export`."
            )
        return {"base": base.name, "base_sha256": self.manifest_sha256(base.name)}

    def _base_problems(self, policy_id: str) -> list[str]:
        """What is wrong with the base of an adapter whose weights are still there."""
        base = self.base(policy_id)
        if base is None or not self.has_weights(policy_id):
            return []
        if not self.has(base):
            return [f"Its base {base} is missing; restore it from a backup."]
        if self.manifest_sha256(base) != self.manifest(policy_id)["base_sha256"]:
            return [f"Its base {base} is not the one that it was trained on."]
        return [f"Its base {base}: {problem}" for problem in self.verify(base)]


def _difference(name: str, expected: str | None, found: str | None) -> str:
    if found is None:
        return f"{name} is missing."
    if expected is None:
        return f"{name} is not in the manifest."
    return f"{name} has changed since it was published."


def base_of(directory: Path) -> Path | None:
    """The directory whose weights a policy's adapter changes; None where it has its own.

    Raises Unavailable where the base has no weights, or is not the one that was trained on.
    """
    file = directory / ADAPTER_CONFIG
    if not file.is_file():
        return None
    try:
        config = json.loads(file.read_text("utf-8"))
        base = Path(os.path.normpath(directory / config["base_model_name_or_path"]))
        has_weights = any(base.glob(f"*{WEIGHTS}"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Unavailable(f"{file} names no base. Restore it from a backup.") from error
    if not has_weights:
        raise Unavailable(
            f"{directory.name} is an adapter, and there are no weights of its base in {base}. "
            "Restore them from a backup, or promote another policy."
        )
    if config.get("revision") not in (None, _revision(base)):
        raise Unavailable(
            f"{directory.name} is an adapter for another base than {base}. Restore the base that "
            "it was trained on from a backup, or promote another policy."
        )
    return base


def point_to_base(directory: Path, base: Path, facts: dict[str, Any]) -> None:
    """Write an adapter's configuration: PEFT's ``facts``, and where its base lies, relatively."""
    where = {
        "base_model_name_or_path": os.path.relpath(base, directory),
        "revision": _revision(base),
    }
    text = json.dumps(facts | where, indent=2, sort_keys=True)
    (directory / ADAPTER_CONFIG).write_text(text + "\n", "utf-8")


def _revision(base: Path) -> str | None:
    """Identifies the base for its adapters; None where it was not published."""
    manifest = base / MANIFEST
    return sha256_of(manifest) if manifest.is_file() else None


def copy_policy(source: Path, target: Path) -> None:
    """Copy a policy directory into one that exists; an adapter's copy has the same base."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    base = base_of(source)
    if base is not None:
        point_to_base(target, base, json.loads((source / ADAPTER_CONFIG).read_text("utf-8")))


def weights_sha256(directory: Path) -> str:
    """Identifies a policy's weights, its base's included: of one file, that file's SHA-256."""
    folders = [each for each in (base_of(directory), directory) if each]
    found = [sha256_of(f) for folder in folders for f in sorted(folder.glob(f"*{WEIGHTS}"))]
    return found[0] if len(found) == 1 else hashlib.sha256("\n".join(found).encode()).hexdigest()


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


def _write_manifest(directory: Path, policy_id: str, lineage: dict[str, Any]) -> dict[str, str]:
    """Write the manifest; the SHA-256 of the other files."""
    files = digests(directory)
    manifest = {"id": policy_id, **lineage, "files": files}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    return files
