"""Folders in object storage are whole or absent, and what is downloaded is what was uploaded."""

from pathlib import Path

import pytest

from tutelage.artifacts.object_storage import ObjectStorage
from tutelage.errors import Conflict, Unavailable
from tutelage.policies.library import digests

NAME = "things/one"


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A shared folder and a bucket do the same."""
    if request.param == "s3":
        return str(request.getfixturevalue("artifacts"))
    return f"file://{tmp_path / 'shared'}"


@pytest.fixture
def storage(url: str) -> ObjectStorage:
    return ObjectStorage(url)


def folder(path: Path, **files: str) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    return path


def publish(storage: ObjectStorage, path: Path, name: str = NAME) -> None:
    storage.publish(name, path, digests(path))


def test_what_was_published_is_pulled(storage: ObjectStorage, tmp_path: Path) -> None:
    publish(storage, folder(tmp_path / "a", **{"x": "1", "below/y": "2"}))
    assert storage.listed("things") == ["one.json"] and storage.missing(NAME) == []
    assert storage.pull(NAME, tmp_path / "b")
    assert digests(tmp_path / "b") == digests(tmp_path / "a")
    assert not storage.pull("things/two", tmp_path / "c")


def test_only_what_is_wanted_and_not_there_is_downloaded(
    storage: ObjectStorage, tmp_path: Path
) -> None:
    publish(storage, folder(tmp_path / "a", x="1", y="2", last="3"))
    storage.pull(NAME, tmp_path / "b", "last", lambda file: file != "y")
    assert digests(tmp_path / "b").keys() == {"x", "last"}
    written = (tmp_path / "b" / "x").stat().st_mtime_ns
    storage.pull(NAME, tmp_path / "b", "last")
    assert digests(tmp_path / "b") == digests(tmp_path / "a")
    assert (tmp_path / "b" / "x").stat().st_mtime_ns == written


def test_files_of_another_run_are_replaced(storage: ObjectStorage, tmp_path: Path) -> None:
    publish(storage, folder(tmp_path / "a", x="1", last="3"))
    folder(tmp_path / "b", x="half")
    storage.pull(NAME, tmp_path / "b", "last")
    assert digests(tmp_path / "b") == digests(tmp_path / "a")


def test_a_writer_killed_before_the_contents_leaves_nothing(
    storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(storage, "_create", killed)
        publish(storage, folder(tmp_path / "a", x="never read"))
    assert storage.listed("things") == [] and not storage.pull(NAME, tmp_path / "b")
    publish(storage, folder(tmp_path / "c", x="1"))
    assert list(storage._sizes(NAME)) == [f"x@{digests(tmp_path / 'c')['x']}"]


def test_of_two_writers_of_one_name_the_first_stays(storage: ObjectStorage, tmp_path: Path) -> None:
    publish(storage, folder(tmp_path / "a", x="1", same="s"))
    with pytest.raises(Conflict, match="another process"):
        publish(storage, folder(tmp_path / "b", x="2", same="s"))
    publish(storage, tmp_path / "a")  # the same again is no conflict
    storage.pull(NAME, tmp_path / "c")
    assert digests(tmp_path / "c") == digests(tmp_path / "a")
    assert len(storage._sizes(NAME)) == 2


def test_damaged_bytes_are_never_used(storage: ObjectStorage, tmp_path: Path) -> None:
    publish(storage, folder(tmp_path / "a", x="1"))
    digest = digests(tmp_path / "a")["x"]
    storage.write(f"files/{NAME}/x@{digest}", b"other")
    with pytest.raises(Unavailable, match=r"x of things/one is missing .* or is damaged"):
        storage.pull(NAME, tmp_path / "b")
    assert digests(tmp_path / "b") == {}


def test_dropped_files_are_gone_for_every_reader(storage: ObjectStorage, tmp_path: Path) -> None:
    publish(storage, folder(tmp_path / "a", **{"big/x": "1", "y": "2"}))
    storage.drop(NAME, lambda file: file.startswith("big/"), {"note": b"why"})
    storage.drop("things/two", lambda _file: True, {})
    storage.pull(NAME, tmp_path / "b")
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"note", "y"}
    assert len(storage._sizes(NAME)) == 2


def test_a_removed_folder_is_gone(storage: ObjectStorage, tmp_path: Path) -> None:
    publish(storage, folder(tmp_path / "a", x="1"))
    storage.remove(NAME)
    storage.remove(NAME)
    assert storage.contents(NAME) is None and storage._sizes(NAME) == {}


def test_a_listed_file_outside_the_folder_is_refused(
    storage: ObjectStorage, tmp_path: Path
) -> None:
    storage.write(f"contents/{NAME}.json", b'{"../x": "0"}')
    with pytest.raises(Unavailable, match="is no file of b"):
        storage.pull(NAME, tmp_path / "b")


def test_storage_that_cannot_be_used_is_named(bucket: str) -> None:
    with pytest.raises(Unavailable, match="s3://no-such-bucket/x cannot be used"):
        ObjectStorage("s3://no-such-bucket/x").write("key", b"")
    with pytest.raises(Unavailable, match="nonsense://x cannot be used"):
        ObjectStorage("nonsense://x")
