"""Folders in object storage: a reader sees a whole folder or none.

    URL/contents/NAME.json           the SHA-256 of each of a folder's files; written last, once
    URL/files/NAME/PATH@SHA256       their bytes

A file's key holds its digest, so two writers of one name never mix their files, and what arrives is
compared with its name. Contents are created only where there are none (``If-None-Match`` on S3):
of two writers one succeeds.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import fsspec

from tutelage import atomic, extras
from tutelage.errors import Conflict, Unavailable

CONTENTS = ".json"
Chosen = Callable[[str], bool]  # of a file, by its path in the folder


class ObjectStorage:
    """What lies below a URL such as ``s3://bucket/prefix``. Every method raises Unavailable."""

    def __init__(self, url: str) -> None:
        if url.startswith("s3:"):
            extras.require("s3")
        self.url = url.rstrip("/")
        folders = {"auto_mkdir": True} if url.startswith("file:") else {}
        with self._reached():
            # A listing that is kept would hide what others publish.
            self._files, root = fsspec.url_to_fs(self.url, use_listings_cache=False, **folders)
        self._root = root.rstrip("/")

    def probe(self) -> None:
        """Write an object and delete it, so that what is wrong shows."""
        self.write("probe", b"")
        with self._reached():
            self._files.rm_file(self._at("probe"))

    def listed(self, below: str) -> list[str]:
        """What there is of the folders below a name: ``policy-0001.json``, and marks."""
        start = f"{self._root}/contents/{below}/"
        with self._reached():
            return sorted(key.partition(start)[2] for key in self._files.find(start))

    def contents(self, name: str) -> dict[str, str] | None:
        """The SHA-256 of each of a folder's files by its path; None where it is not there."""
        text = self.read(f"contents/{name}{CONTENTS}")
        return None if text is None else dict(json.loads(text))

    def content(self, name: str, file: str, digest: str) -> bytes:
        """The bytes of a small file of a folder."""
        content = self.read(_key(name, file, digest))
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            raise self._damaged(name, file)
        return content

    def missing(self, name: str) -> list[str]:
        """The files of a folder whose bytes are not there, by their names alone."""
        contents, keys = self.contents(name) or {}, self._sizes(name)
        return [file for file, digest in contents.items() if f"{file}@{digest}" not in keys]

    def publish(
        self, name: str, folder: Path, files: Mapping[str, str], replace: bool = False
    ) -> None:
        """Upload the files, then the contents; what an interrupted upload left is used, or goes.

        Raises Conflict where there are other contents already, unless they are to be replaced.
        """
        there = self._sizes(name)
        with self._reached():
            for file, digest in files.items():
                if there.get(f"{file}@{digest}") != (folder / file).stat().st_size:
                    self._put(folder / file, _key(name, file, digest))
        if replace:
            self.write(f"contents/{name}{CONTENTS}", _text(files))
        elif not self._create(f"contents/{name}{CONTENTS}", _text(files)):
            first = self.contents(name)
            if first is not None and first != files:
                self._forget_others(name, first)
                raise Conflict(f"{name} is in {self.url} already, and was made by another process.")
        self._forget_others(name, files)

    def drop(self, name: str, dropped: Chosen, notes: Mapping[str, bytes]) -> None:
        """Delete files of a folder, where it is there, and add small ones."""
        contents = self.contents(name)
        if contents is None:
            return
        added = {file: hashlib.sha256(content).hexdigest() for file, content in notes.items()}
        kept = {file: d for file, d in contents.items() if not dropped(file)} | added
        if kept == contents:
            return
        for file, content in notes.items():
            self.write(_key(name, file, added[file]), content)
        self.write(f"contents/{name}{CONTENTS}", _text(kept))
        self._forget_others(name, kept)

    def pull(
        self, name: str, folder: Path, last: str = "", wanted: Chosen = lambda _file: True
    ) -> bool:
        """Download what is wanted and not there yet; False where the folder is not published.

        ``last`` is the file that makes the local folder count: it comes last, and where it is
        there and the same, what lies beside it is trusted. Raises Unavailable for damaged bytes.
        """
        contents = self.contents(name)
        if contents is None:
            return False
        trusted = bool(last) and _digest(folder / last) == contents.get(last)
        for file, digest in sorted(contents.items(), key=lambda item: item[0] == last):
            path = _inside(folder, file)
            there = path.is_file() and (trusted or _digest(path) == digest)
            if wanted(file) and not there:
                self._get(name, file, digest, path)
        return True

    def remove(self, name: str) -> None:
        """Delete a folder, where it is there: the contents first."""
        with self._reached():
            if self._files.exists(key := self._at(f"contents/{name}{CONTENTS}")):
                self._files.rm_file(key)
        self._forget_others(name, {})

    def read(self, key: str) -> bytes | None:
        """An object's bytes; None where it is not there."""
        with self._reached():
            try:
                return bytes(self._files.cat_file(self._at(key)))
            except FileNotFoundError:
                return None

    def write(self, key: str, content: bytes) -> None:
        """Write an object, or replace it."""
        with self._reached():
            self._files.pipe_file(self._at(key), content)

    def _create(self, key: str, content: bytes) -> bool:
        """Write an object where there is none; says whether it did."""
        with self._reached():
            try:
                self._files.pipe_file(self._at(key), content, mode="create")
            except FileExistsError:
                return False
        return True

    def _put(self, path: Path, key: str) -> None:
        self._files.put_file(str(path), self._at(key))

    def _get(self, name: str, file: str, digest: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._reached(), atomic.file(path) as beside:
            try:
                self._files.get_file(self._at(_key(name, file, digest)), str(beside))
            except FileNotFoundError:
                raise self._damaged(name, file) from None
            if _digest(beside) != digest:
                raise self._damaged(name, file)

    def _sizes(self, name: str) -> dict[str, int]:
        """The bytes of each of a folder's objects, by what follows the folder's name."""
        start = f"{self._root}/files/{name}/"
        with self._reached():
            found = self._files.find(start, detail=True)
            return {key.partition(start)[2]: info["size"] for key, info in found.items()}

    def _forget_others(self, name: str, files: Mapping[str, str]) -> None:
        kept = {f"{file}@{digest}" for file, digest in files.items()}
        others = [self._at(f"files/{name}/{key}") for key in self._sizes(name) if key not in kept]
        if others:
            with self._reached():
                self._files.rm(others)

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _damaged(self, name: str, file: str) -> Unavailable:
        return Unavailable(
            f"{file} of {name} is missing from {self.url}, or is damaged there. Restore its object."
        )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Any failure of the storage as Unavailable: each kind of storage has its own."""
        try:
            yield
        except Unavailable:
            raise
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"{self.url} cannot be used ({reason}).") from error


def _key(name: str, file: str, digest: str) -> str:
    return f"files/{name}/{file}@{digest}"


def _text(files: Mapping[str, str]) -> bytes:
    return (json.dumps(dict(files), indent=1, sort_keys=True) + "\n").encode()


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inside(folder: Path, file: str) -> Path:
    """The file's place. Raises Unavailable where it would lie outside the folder."""
    path = folder / file
    if ".." in path.parts or not path.is_relative_to(folder):
        raise Unavailable(f"{file!r} is no file of {folder.name}.")
    return path
