"""A backup: one tar file with the database, the policies, the iterations and the moderation heads.

It may be made while the service runs and while an iteration trains: the database is copied by
SQLite's backup API before any file, a published folder never changes, and a stage counts once it
is complete. Every file has its SHA-256 in the last member, so a backup that was cut short is found.
"""

import hashlib
import io
import json
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, Any

import tutelage
from tutelage import atomic, audit
from tutelage.artifacts.object_storage import ObjectStorage
from tutelage.composition import Core, open_core, open_existing, require_data
from tutelage.errors import Conflict, Invalid
from tutelage.iteration_folder import COMPLETE, STAGES
from tutelage.settings import Settings
from tutelage.store import sqlite_file

CONTENTS = "contents.json"
DATABASE = "tutelage.db"
ITERATIONS = "iterations"
HEADS = "moderation"
_BLOCK = 1 << 20


def write(settings: Settings, out: Path) -> dict[str, Any]:
    """Write a backup of the data folder; what it contains: "database", "files" and their digests.

    What is in object storage is downloaded first. A PostgreSQL database is not in it. Raises
    NotFound where there is no data, and Conflict when the file exists.
    """
    require_data(settings)
    if out.exists():
        raise Conflict(f"{out} already exists. Choose another name.")
    if settings.artifacts:
        _download(settings)
    database = sqlite_file(settings.url)
    files: dict[str, str] = {}
    with atomic.file(out) as beside, tarfile.open(beside, "w") as tar:
        if database:
            with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
                copy = Path(scratch) / DATABASE
                _copy_database(database, copy)
                files[DATABASE] = _add(tar, copy, DATABASE)
        for path in _files(settings.data):
            name = path.relative_to(settings.data).as_posix()
            try:
                files[name] = _add(tar, path, name)
            except FileNotFoundError:
                continue  # an iteration has ended meanwhile and deleted its own copies
        contents = {
            "version": tutelage.__version__,
            "made_at": time.time(),
            "database": "sqlite" if database else "postgresql",
            "files": files,
        }
        _add_bytes(tar, CONTENTS, json.dumps(contents, indent=2).encode())
    return contents


def _download(settings: Settings) -> None:
    """Bring what is in object storage into the data folder."""
    core = open_existing(settings)
    try:
        for policy_id in core.library.ids():
            core.library.path(policy_id)
        for folder in core.iterations.glob("*"):
            core.iteration(folder.name)
        storage = ObjectStorage(settings.artifacts)
        for key in storage.listed(HEADS):
            version = key.removesuffix(".json")
            storage.pull(f"{HEADS}/{version}", settings.data / HEADS / version)
    finally:
        core.store.close()


def restore(out: Path, data: Path) -> dict[str, Any]:
    """Unpack a backup into a data folder that does not exist yet, whole or not at all.

    Raises Conflict where the folder exists, and Invalid when the backup is damaged.
    """
    if data.exists() and any(data.iterdir()):
        raise Conflict(f"{data.absolute()} is not empty. Restore into a new folder.")
    with atomic.directory(data) as folder:
        return _unpack_checked(out, folder)


def check(out: Path) -> dict[str, Any]:
    """Unpack a backup for a moment and check all of it. Raises Invalid when it is damaged."""
    with tempfile.TemporaryDirectory(prefix="tutelage-check-") as folder:
        return _unpack_checked(out, Path(folder))


def _unpack_checked(out: Path, folder: Path) -> dict[str, Any]:
    contents = _unpack(out, folder)
    problems = _problems(folder) if DATABASE in contents["files"] else []
    if problems:
        raise Invalid(f"{out} is damaged: {' '.join(problems)}", "file")
    return contents


def _unpack(out: Path, folder: Path) -> dict[str, Any]:
    found: dict[str, str] = {}
    contents = None
    try:
        with tarfile.open(out, "r:") as tar:
            for member in tar:
                source = tar.extractfile(member) if member.isreg() else None
                if source is None or not _is_inside(member.name):
                    raise Invalid(f"{out} is not a backup of tutelage: {member.name!r}.", "file")
                if member.name == CONTENTS:
                    contents = json.load(source)
                else:
                    found[member.name] = _save(source, folder / member.name)
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        raise Invalid(f"{out} cannot be read: {error}.", "file") from error
    if contents is None:
        raise Invalid(f"{out} is cut short, or is not a backup of tutelage.", "file")
    for name in sorted(contents["files"].keys() | found.keys()):
        if contents["files"].get(name) != found.get(name):
            raise Invalid(f"{out} is damaged: {name} is missing or has changed.", "file")
    return dict(contents)


def _problems(folder: Path) -> list[str]:
    """What is wrong with an unpacked data folder; its schema is brought up to date."""
    core = open_core(Settings(data=folder, database_url="", artifacts=""))
    try:
        return integrity(core)
    finally:
        core.store.close()


def integrity(core: Core) -> list[str]:
    """What is wrong with the database, the audit log and the policies, a sentence each."""
    problems = []
    with core.store.read() as session:
        if core.store.engine.dialect.name == "sqlite":
            found = session.connection().exec_driver_sql("PRAGMA quick_check").scalar()
            problems += [] if found == "ok" else [f"The database is damaged: {found}."]
        problems += audit.verify(session)
    for policy_id in core.library.ids():
        problems += [f"{policy_id}: {each}" for each in core.library.verify(policy_id)]
    return problems


def _copy_database(database: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")


def _files(data: Path) -> Iterator[Path]:
    """What a backup holds besides the database."""
    for path in sorted(data.rglob("*")):
        parts = path.relative_to(data).parts
        hidden = any(part.startswith(".") and part.endswith(".part") for part in parts)
        database = len(parts) == 1 and parts[0].startswith(DATABASE)
        if path.is_file() and not (hidden or database or _is_unfinished(data, parts)):
            yield path


def _is_unfinished(data: Path, parts: tuple[str, ...]) -> bool:
    """Whether a file belongs to a stage that is running or was interrupted; it is run again."""
    in_stage = len(parts) > 3 and parts[0] == ITERATIONS and parts[2] in STAGES
    return in_stage and not (data / Path(*parts[:3]) / COMPLETE).is_file()


def _add(tar: tarfile.TarFile, path: Path, name: str) -> str:
    """Add a file; its SHA-256."""
    with path.open("rb") as source:
        info = tar.gettarinfo(arcname=name, fileobj=source)
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        reader = _Hashing(source)
        tar.addfile(info, reader)
        return reader.digest


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(content), int(time.time())
    tar.addfile(info, io.BytesIO(content))


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self._hash = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._source.read(size)
        self._hash.update(block)
        return block

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _save(source: IO[bytes], path: Path) -> str:
    """Write a file; its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    reader = _Hashing(source)
    with path.open("wb") as target:
        while block := reader.read(_BLOCK):
            target.write(block)
    return reader.digest


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
