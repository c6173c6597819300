"""The policies in object storage, and local copies of those that this machine uses."""

import threading
from collections.abc import Mapping
from pathlib import Path

from tutelage import atomic
from tutelage.artifacts.object_storage import CONTENTS, ObjectStorage
from tutelage.errors import Conflict, Unavailable
from tutelage.policies.library import (
    DELETED,
    MANIFEST,
    REMOVED_TEXT,
    WEIGHTS,
    WEIGHTS_REMOVED,
    PolicyLibrary,
    digests,
    is_policy_id,
    sha256_of,
)

BELOW = "policies"


class SharedPolicyLibrary(PolicyLibrary):
    """As the local library; a policy that is asked for is downloaded with its base.

    Policies that only this machine has are served from here, and no other machine finds them.
    """

    def __init__(self, root: Path, storage: ObjectStorage) -> None:
        super().__init__(root)
        self._storage = storage
        self._downloading = threading.RLock()
        self._read: dict[tuple[str, str], bytes] = {}

    def ids(self) -> list[str]:
        """Ids of the published policies, oldest first; copies of what was deleted go."""
        there = set()
        for key in self._storage.listed(BELOW):
            if key.endswith(DELETED):
                self._remove_copy(key.removesuffix(DELETED))
            else:
                there.add(key.removesuffix(CONTENTS))
        return sorted(there.union(super().ids()))

    def has(self, policy_id: str) -> bool:
        """Whether a policy of this id is published, or is on this machine."""
        return super().has(policy_id) or self._contents(policy_id) is not None

    def path(self, policy_id: str) -> Path:
        """The directory of a published policy, complete on this machine."""
        if is_policy_id(policy_id) and not super().has(policy_id):
            self._download(policy_id)
        return super().path(policy_id)

    def read(self, policy_id: str, file: str) -> bytes:
        """A small file of a policy; what is not here is fetched alone, and remembered."""
        known = self._read.get((policy_id, file))
        if known is not None:
            return known
        contents = {} if super().has(policy_id) else self._contents(policy_id) or {}
        if file not in contents:
            return super().read(policy_id, file)
        content = self._storage.content(f"{BELOW}/{policy_id}", file, contents[file])
        self._read[policy_id, file] = content
        return content

    def has_weights(self, policy_id: str) -> bool:
        """Whether the weights are still there; a copy loses its own when they are not."""
        here = super().has(policy_id)
        if here and not super().has_weights(policy_id):
            return False
        try:
            contents = self._contents(policy_id)
        except Unavailable:
            if here:  # a copy can be served while the storage is away
                return True
            raise
        if contents is None:
            return super().has_weights(policy_id)
        removed = WEIGHTS_REMOVED in contents
        if removed and here:
            super()._drop_weights(policy_id)
        return not removed

    def verify(self, policy_id: str) -> list[str]:
        """As the local library; of a policy that is not here, whether the storage has its files."""
        if super().has(policy_id) or not self.has(policy_id):
            return super().verify(policy_id)
        missing = self._storage.missing(f"{BELOW}/{policy_id}")
        return [f"{file} is missing." for file in missing] + self._base_problems(policy_id)

    def only_here(self) -> list[str]:
        """The policies that no other machine finds, oldest first."""
        return [p for p in super().ids() if self._contents(p) is None]

    def upload(self, policy_id: str) -> None:
        """Publish a policy that only this machine has.

        Raises Conflict where its files differ from its manifest.
        """
        if problems := self.verify(policy_id):
            raise Conflict(f"{policy_id} is damaged and was not uploaded: {problems[0]}")
        files = digests(self.path(policy_id))
        self._share(self.path(policy_id), policy_id, files)

    def _share(self, directory: Path, policy_id: str, files: Mapping[str, str]) -> None:
        manifest = sha256_of(directory / MANIFEST)
        self._storage.publish(f"{BELOW}/{policy_id}", directory, {**files, MANIFEST: manifest})

    def _contents(self, policy_id: str) -> dict[str, str] | None:
        return self._storage.contents(f"{BELOW}/{policy_id}") if is_policy_id(policy_id) else None

    def _download(self, policy_id: str) -> None:
        with self._downloading:
            if super().has(policy_id) or self._contents(policy_id) is None:
                return
            if base := self.base(policy_id):
                self.path(base)
            try:
                with atomic.directory(self.root / policy_id) as building:
                    self._storage.pull(f"{BELOW}/{policy_id}", building)
            except OSError as error:
                if not super().has(policy_id):  # else another process was faster
                    raise Unavailable(
                        f"{policy_id} could not be downloaded into {self.root} ({error})."
                    ) from error

    def _drop_weights(self, policy_id: str) -> None:
        self._storage.drop(
            f"{BELOW}/{policy_id}",
            lambda file: file.endswith(WEIGHTS),
            {WEIGHTS_REMOVED: REMOVED_TEXT.encode()},
        )
        if super().has(policy_id):
            super()._drop_weights(policy_id)

    def _remove(self, policy_id: str) -> None:
        self._storage.write(f"contents/{BELOW}/{policy_id}{DELETED}", b"")
        self._storage.remove(f"{BELOW}/{policy_id}")
        self._remove_copy(policy_id)

    def _remove_copy(self, policy_id: str) -> None:
        super()._remove(policy_id)
        self._read = {key: text for key, text in self._read.items() if key[0] != policy_id}
