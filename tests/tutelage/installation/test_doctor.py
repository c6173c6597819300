"""The doctor names what is wrong, and the way out."""

import json
import shutil
import time
from pathlib import Path

import pytest
import sqlalchemy
from typer.testing import CliRunner

from tutelage.cli import app
from tutelage.composition import Core, open_core
from tutelage.installation.doctor import diagnose
from tutelage.iterations import iterations
from tutelage.people import accounts
from tutelage.policies import deployment
from tutelage.settings import Settings
from tutelage.tables import Role

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def core(tmp_path: Path) -> Core:
    core = open_core(Settings(data=tmp_path / "data"))
    core.library.publish("policy-0000", lambda path: (path / "card.md").touch(), {"parent": None})
    with core.store.write() as session:
        deployment.register(session, "policy-0000", core.library.manifest_sha256("policy-0000"))
        deployment.promote(session, "policy-0000", "test")
        hashed = accounts.new_hash("boss", "a long enough secret")
        accounts.sign_up(session, "boss", hashed).role = Role.OPERATOR
    return core


def problems(settings: Settings) -> dict[str, str]:
    found = diagnose(settings, NOWHERE)
    return {each.about: f"{each.problem} {each.way_out}" for each in found if each.problem}


def test_a_sound_installation_lacks_nothing_but_a_running_service(core: Core) -> None:
    assert problems(core.settings).keys() == {"service"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    found = problems(Settings(data=tmp_path / "nothing"))
    assert str(tmp_path / "nothing") in found["data folder"]
    assert not (tmp_path / "nothing").exists()


def test_a_misspelt_setting_is_named(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTELAGE_RATE_LIMT", "0")
    assert "mean TUTELAGE_RATE_LIMIT?" in problems(core.settings)["variables"]


def test_damage_is_named_with_the_way_out(core: Core) -> None:
    (core.settings.data / "policies" / "policy-0000" / "card.md").write_text("other")
    with core.store.write() as session:
        session.execute(sqlalchemy.text("UPDATE auditevent SET actor = 'mallory' WHERE seq = 1"))
    found = problems(core.settings)["integrity"]
    assert "card.md" in found and "tutelage restore" in found


def test_a_policy_that_is_gone_is_named(core: Core) -> None:
    shutil.rmtree(core.settings.data / "policies" / "policy-0000")
    assert "policy-0000" in problems(core.settings)["policy"]


def test_an_iteration_that_waits_for_a_worker_is_named(core: Core) -> None:
    with core.store.write() as session:
        row = iterations.request(session, "quick", "policy-0000", "key", "ada")
        row.created_at = time.time() - 3600
    assert "tutelage worker" in problems(core.settings)["iterations"]
    with core.store.write() as session:
        iterations.lease(session, row.id, "gone", time.time() - 3600)
    assert f"tutelage iterate --id {row.id}" in problems(core.settings)["iterations"]


def test_settings_that_do_not_go_together_are_named(core: Core) -> None:
    changed = core.settings.model_copy(update={"engine": "tgi", "engine_url": NOWHERE})
    assert "TUTELAGE_ENGINE_URL" in problems(changed)["engine"]
    changed = core.settings.model_copy(update={"host": "0.0.0.0"})
    assert "TUTELAGE_PUBLIC_URL" in problems(changed)["settings"]


def test_the_command_exits_with_1_when_something_is_wrong(core: Core) -> None:
    asked = ["doctor", "--json", "--data", str(core.settings.data)]
    result = CliRunner().invoke(app, asked, env={"TUTELAGE_PORT": "9"})
    assert result.exit_code == 1
    assert {each["about"] for each in json.loads(result.output.splitlines()[-1])} >= {"service"}
