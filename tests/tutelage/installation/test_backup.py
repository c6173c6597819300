"""A backup holds what was acknowledged, and a damaged one is found before anything is restored."""

import io
import tarfile
import threading
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from tutelage.cli import app
from tutelage.composition import Core, open_core
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.installation import backup
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.settings import Settings
from tutelage.tables import User


@pytest.fixture
def core(tmp_path: Path) -> Core:
    core = open_core(Settings(data=tmp_path / "data"))
    core.library.publish("policy-0000", lambda path: (path / "card.md").touch(), {"parent": None})
    with core.store.write() as session:
        deployment.register(session, "policy-0000", core.library.manifest_sha256("policy-0000"))
        deployment.promote(session, "policy-0000", "test")
    return core


def names(core: Core) -> set[str]:
    with core.store.read() as session:
        return set(session.exec(select(User.name)))


def test_what_was_stored_comes_back_in_another_place(core: Core, tmp_path: Path) -> None:
    with core.store.write() as session:
        people.create_key(session, people.create_user(session, "ada"), "laptop", actor="cli")
    appeals = core.settings.data / "moderation" / "heads-1" / "heads.bin"
    appeals.parent.mkdir(parents=True)
    appeals.write_bytes(b"heads")
    backup.write(core.settings, tmp_path / "backup.tar")
    backup.check(tmp_path / "backup.tar")
    backup.restore(tmp_path / "backup.tar", tmp_path / "elsewhere")
    restored = open_core(Settings(data=tmp_path / "elsewhere"))
    assert names(restored) == {"ada"}
    assert restored.library.verify("policy-0000") == []
    assert (
        tmp_path / "elsewhere" / "moderation" / "heads-1" / "heads.bin"
    ).read_bytes() == b"heads"
    with restored.store.read() as session:
        current = deployment.current(session)
    assert current is not None and current.id == "policy-0000"
    restored.store.close()
    assert not any(each.name.startswith(".") for each in tmp_path.iterdir())


def test_a_backup_of_a_busy_service_holds_all_that_was_acknowledged(
    core: Core, tmp_path: Path
) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            name = f"user {len(acknowledged)}"
            with core.store.write() as session:
                user = people.create_user(session, name)
                people.create_key(session, user, name, actor="cli")
            acknowledged.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 20:
        pass
    before = set(acknowledged)
    backup.write(core.settings, tmp_path / "backup.tar")
    stop.set()
    writer.join()
    backup.restore(tmp_path / "backup.tar", tmp_path / "elsewhere")
    restored = open_core(Settings(data=tmp_path / "elsewhere"))
    assert before <= names(restored) <= set(acknowledged)
    assert backup.integrity(restored) == []
    restored.store.close()


def test_a_stage_that_is_running_is_left_out(core: Core, tmp_path: Path) -> None:
    folder = core.iterations / "iteration-0001"
    for name in ("sft/complete.json", "sft/policy/weights", "ppo/weights", "config.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    files = backup.write(core.settings, tmp_path / "backup.tar")["files"]
    kept = {name for name in files if name.startswith("iterations/")}
    assert kept == {
        f"iterations/iteration-0001/{name}"
        for name in ("sft/complete.json", "sft/policy/weights", "config.toml")
    }


@pytest.mark.parametrize("damage", ["cut", "bit", "other"])
def test_a_damaged_backup_is_refused_and_nothing_is_restored(
    core: Core, tmp_path: Path, damage: str
) -> None:
    file = tmp_path / "backup.tar"
    backup.write(core.settings, file)
    content = bytearray(file.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "bit":
        content[5000] ^= 1
    else:
        content = bytearray(b"no tar at all")
    file.write_bytes(content)
    with pytest.raises(Invalid, match=r"backup\.tar"):
        backup.check(file)
    with pytest.raises(Invalid, match=r"backup\.tar"):
        backup.restore(file, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_a_backup_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(Invalid, match="not a backup"):
        backup.restore(tmp_path / "evil.tar", tmp_path / "deep" / "elsewhere")
    assert not any(path.name == "outside" for path in tmp_path.rglob("*"))


def test_nothing_is_overwritten(core: Core, tmp_path: Path) -> None:
    backup.write(core.settings, tmp_path / "backup.tar")
    with pytest.raises(Conflict):
        backup.write(core.settings, tmp_path / "backup.tar")
    with pytest.raises(Conflict):
        backup.restore(tmp_path / "backup.tar", core.settings.data)


def test_the_commands_say_what_they_did(core: Core, tmp_path: Path) -> None:
    file, data = str(tmp_path / "backup.tar"), ["--data", str(core.settings.data)]
    assert "Wrote" in CliRunner().invoke(app, ["backup", file, *data]).output
    assert "is complete" in CliRunner().invoke(app, ["restore", file, "--check"]).output
    new = ["--data", str(tmp_path / "new")]
    assert str(tmp_path / "new") in CliRunner().invoke(app, ["restore", file, *new]).output
    nothing = CliRunner().invoke(app, ["backup", str(tmp_path / "b.tar"), "--data", "/nowhere"])
    assert isinstance(nothing.exception, NotFound)
