"""Machines that share a database and object storage: backup, doctor, upload, filter heads."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.appeals import registry
from tutelage.artifacts.policies import SharedPolicyLibrary
from tutelage.cli import app
from tutelage.composition import Core, open_core
from tutelage.installation import backup, doctor
from tutelage.policies import deployment
from tutelage.settings import Settings

POLICY = "policy-0000"


def machine(tmp_path: Path, name: str, artifacts: str) -> Core:
    return open_core(
        Settings(
            data=tmp_path / name,
            database_url=f"sqlite:///{tmp_path / 'tutelage.db'}",
            artifacts=artifacts,
        )
    )


def publish(core: Core) -> None:
    core.library.publish(POLICY, lambda path: (path / "card.md").touch(), {"parent": None})
    with core.store.write() as session:
        deployment.register(session, POLICY, core.library.manifest_sha256(POLICY))
        deployment.promote(session, POLICY, "test")


@pytest.fixture
def here(tmp_path: Path, artifacts: str) -> Iterator[Core]:
    core = machine(tmp_path, "here", artifacts)
    yield core
    core.store.close()


@pytest.fixture
def there(tmp_path: Path, artifacts: str) -> Iterator[Core]:
    core = machine(tmp_path, "there", artifacts)
    yield core
    core.store.close()


def problems(core: Core) -> dict[str, str]:
    found = doctor.diagnose(core.settings, "http://127.0.0.1:9")
    return {each.about: f"{each.problem} {each.way_out}" for each in found if each.problem}


def test_a_backup_holds_what_other_machines_have_made(
    here: Core, there: Core, tmp_path: Path
) -> None:
    publish(here)
    folder = here.iteration("iteration-0001")
    folder.path.mkdir(parents=True)
    folder.config.write_text("")
    runner = CliRunner(env={"TUTELAGE_ARTIFACTS": here.settings.artifacts,
                            "TUTELAGE_DATABASE_URL": here.settings.database_url})  # fmt: skip
    done = runner.invoke(app, ["upload", "--data", str(here.settings.data)])
    assert done.output.startswith("0 policies, 1 iteration and 0 versions"), done.output
    backup.write(there.settings, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as tar:
        names = set(tar.getnames())
    assert {f"policies/{POLICY}/card.md", "iterations/iteration-0001/config.toml"} <= names


def test_upload_without_object_storage_says_so(tmp_path: Path) -> None:
    machine(tmp_path, "alone", "").store.close()
    runner = CliRunner(env={"TUTELAGE_DATABASE_URL": f"sqlite:///{tmp_path / 'tutelage.db'}"})
    done = runner.invoke(app, ["upload", "--data", str(tmp_path / "alone")])
    assert done.exit_code == 1 and "TUTELAGE_ARTIFACTS is not set" in str(done.exception)


def test_the_doctor_names_policies_that_no_other_machine_finds(tmp_path: Path, there: Core) -> None:
    alone = machine(tmp_path, "there", "")
    publish(alone)
    alone.store.close()
    assert problems(there)["artifacts"].endswith("finds it. Run `tutelage upload`.")
    assert isinstance(there.library, SharedPolicyLibrary)
    there.library.upload(POLICY)
    assert problems(there).keys() == {"operator", "service"}


def test_the_doctor_names_storage_that_is_away(
    there: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(there)
    there.settings.artifacts = "s3://no-such-bucket/x"
    assert "s3://no-such-bucket/x cannot be used" in problems(there)["artifacts"]


def test_filter_heads_are_found_by_every_machine(here: Core, there: Core) -> None:
    kept = registry.folder(here.settings.data, here.storage)
    (kept / "v1.0").mkdir(parents=True)
    (kept / "v1.0" / registry.EXAMPLES).write_text("")
    described = {"version": "v1.0", "created_at": 1.0}
    (kept / "v1.0" / registry.DESCRIPTION).write_text(json.dumps(described))
    for _twice in range(2):
        registry.share(kept, "v1.0", here.storage)
    assert registry.listed(registry.folder(there.settings.data, there.storage)) == [described]
