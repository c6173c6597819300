"""The command says what it did, and what to do when it cannot."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy
import sqlmodel
import typer
from typer.testing import CliRunner

from moderation.categories import CATEGORIES
from moderation.rule_store import set_rules
from moderation.rules import ModerationRules
from tutelage.cli import app, main
from tutelage.composition import open_core
from tutelage.errors import NotFound
from tutelage.iterations import iterations
from tutelage.people import accounts
from tutelage.policies import deployment
from tutelage.settings import Settings
from tutelage.store import StoreError
from tutelage.tables import Role, User

ROOT = Path(__file__).parents[2]


def tutelage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command within this process: the imports of each further process take two seconds."""
    out, err, code = StringIO(), StringIO(), 0
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "200", **environment}),
        mock.patch("sys.argv", ["tutelage", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that a service has made."""
    open_core(Settings(data=tmp_path)).store.close()
    return tmp_path


def with_policy(data: Path) -> None:
    core = open_core(Settings(data=data))
    core.library.publish("policy-0000", lambda path: (path / "card.md").touch(), {"parent": None})
    with core.store.write() as session:
        deployment.register(session, "policy-0000", core.library.manifest_sha256("policy-0000"))


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command below a group."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(commands(typer.main.get_command(app)))


def test_the_version_is_an_option_too() -> None:
    found = [CliRunner().invoke(app, [word]) for word in ("--version", "version")]
    assert [each.exit_code for each in found] == [0, 0]
    assert found[0].output == found[1].output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], terminal_width=200)
    assert result.exit_code == 0
    assert f"Example: tutelage {' '.join(command)}" in " ".join(result.output.split())


def test_the_option_that_only_the_service_uses_is_hidden() -> None:
    assert "--while-input" not in CliRunner().invoke(app, ["worker", "--help"]).output


def test_a_key_is_the_last_word_and_only_its_prefix_is_listed(data: Path) -> None:
    made = tutelage("key", "create", "--name", "laptop", "--data", str(data))
    secret = made.stdout.split()[-1]
    assert secret.startswith("tk-")
    listed = tutelage("key", "list", "--data", str(data)).stdout
    assert secret[:9] in listed and secret not in listed


def test_a_revoked_key_is_shown_as_such(data: Path) -> None:
    made = tutelage("key", "create", "--name", "laptop", "--data", str(data))
    tutelage("key", "revoke", made.stdout.split()[1], "--data", str(data))
    assert "revoked" in tutelage("key", "list", "--data", str(data)).stdout


def test_policies_are_listed_promoted_and_verified(tmp_path: Path) -> None:
    with_policy(tmp_path)
    data = ["--data", str(tmp_path)]
    assert tutelage("policies", "promote", "policy-0000", *data).returncode == 0
    (row,) = json.loads(tutelage("policies", "list", "--json", *data).stdout)
    assert (row["id"], row["state"]) == ("policy-0000", "current")
    assert "OK" in tutelage("policies", "verify", *data).stdout


def test_a_schedule_is_set_shown_and_switched_off(data: Path) -> None:
    there = ["--data", str(data)]
    assert (
        tutelage("schedule", "set", "--feedback", "200", "--share", "0.2", *there).returncode == 0
    )
    assert "0 of 200" in tutelage("schedule", "show", *there).stdout
    wrong = tutelage("schedule", "set", "--cron", "at noon", *there)
    assert wrong.returncode == 1 and "Invalid cron expression" in wrong.stderr
    assert "off" in tutelage("schedule", "set", *there).stdout


def test_a_damaged_policy_is_not_promoted(tmp_path: Path) -> None:
    with_policy(tmp_path)
    (tmp_path / "policies" / "policy-0000" / "card.md").write_text("other")
    result = tutelage("policies", "promote", "policy-0000", "--data", str(tmp_path))
    assert result.returncode == 1
    assert "damaged" in result.stderr
    assert tutelage("policies", "verify", "--data", str(tmp_path)).returncode == 1


def test_a_failure_is_one_sentence_and_status_1(data: Path) -> None:
    promote = ["policies", "promote", "policy-0042", "--data", str(data)]
    result = subprocess.run(
        [sys.executable, "-m", "tutelage", *promote], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: Policy 'policy-0042' not found")
    assert "Traceback" not in result.stderr


def test_wrong_usage_is_status_2() -> None:
    assert tutelage("policies", "promote").returncode == 2


def test_a_port_in_use_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = tutelage("serve", "--port", port, "--data", str(tmp_path))
    assert result.returncode == 1
    assert "--port" in result.stderr


def test_iterating_without_consent_says_what_is_missing(tmp_path: Path) -> None:
    with_policy(tmp_path)
    result = tutelage("iterate", "--preset", "smoke", "--data", str(tmp_path))
    assert result.returncode == 1
    assert "consent" in result.stderr or "Not enough feedback" in result.stderr


def test_what_the_pages_list_is_listed_here_too(data: Path) -> None:
    with_policy(data)
    core = open_core(Settings(data=data))
    with core.store.write() as session:
        deployment.promote(session, "policy-0000", "op")
        person = accounts.sign_up(session, "grace", "not to be shown")
        person.role = Role.LABELER
        accounts.sign_up(session, "ada", "not to be shown")
        made = iterations.request(session, "smoke", "policy-0000", "key", person.id)
        made.reasons = ["The candidate is longer."]
    place = ("--data", str(data))
    audit = tutelage("audit", "list", *place).stdout
    assert audit.splitlines()[0].split()[-6:-2] == [
        "grace",
        "iteration.request",
        made.id,
        "preset=smoke",
    ]
    assert "op  policy.promote  policy-0000" in audit
    assert len(tutelage("audit", "list", "--limit", "1", *place).stdout.splitlines()) == 1
    people = tutelage("people", "list", "--json", *place).stdout
    assert [row["name"] for row in json.loads(people)] == ["ada", "grace"]
    assert "not to be shown" not in people
    assert "ada" not in tutelage("people", "list", "--role", "labeler", *place).stdout
    listed = tutelage("iterations", "list", *place).stdout
    assert f"{made.id}  " in listed and "queued" in listed and "policy-0000 -> -" in listed
    assert "The candidate is longer." in tutelage("iterations", "show", made.id, *place).stdout
    assert "not found" in tutelage("iterations", "show", "iteration-9", *place).stderr


def test_a_text_is_judged_by_the_rules_in_force(data: Path) -> None:
    text = "You stupid idiots, I hate you all"
    shipped = tutelage("moderate", text, "--data", str(data)).stdout
    assert "As a prompt: off" not in shipped
    core = open_core(Settings(data=data))
    with core.store.write() as session:
        ignored = {name: {"threshold": 1.0, "action": "off"} for name in CATEGORIES}
        sides = {"prompt": {"rules": ignored}, "response": {"rules": ignored}}
        set_rules(session, ModerationRules.model_validate(sides), "op")
    assert "As a prompt: off" in tutelage("moderate", text, "--data", str(data)).stdout


def test_the_audit_log_verifies(tmp_path: Path) -> None:
    with_policy(tmp_path)
    assert "chain intact" in tutelage("audit", "verify", "--data", str(tmp_path)).stdout


def test_a_setting_out_of_range_is_named(tmp_path: Path) -> None:
    result = tutelage("key", "list", "--data", str(tmp_path), TUTELAGE_PORT="70000")
    assert result.returncode == 1
    assert "TUTELAGE_PORT" in result.stderr and "Traceback" not in result.stderr


READERS = [
    ["sign-in-link"],
    ["worker"],
    ["key", "create", "--name", "laptop"],
    ["key", "list"],
    ["policies", "list"],
    ["policies", "trial-forecast"],
    ["iterate", "--preset", "smoke"],
    ["simulate"],
    ["schedule", "show"],
    ["moderation", "list"],
    ["dataset", "list"],
    ["system-prompt", "list"],
    ["audit", "verify"],
]


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_command_in_a_wrong_folder_makes_nothing_and_names_it(
    command: list[str], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    result = CliRunner().invoke(app, [*command, "--data", str(wrong)])
    assert isinstance(result.exception, NotFound)
    assert str(wrong) in result.exception.message and "TUTELAGE_DATA" in result.exception.message
    assert not wrong.exists()


def test_only_commands_of_the_service_migrate(data: Path) -> None:
    store = open_core(Settings(data=data)).store
    with store.write() as session:
        session.execute(sqlalchemy.text("DELETE FROM alembic_version"))
    result = CliRunner().invoke(app, ["key", "list", "--data", str(data)])
    assert isinstance(result.exception, StoreError) and "older" in str(result.exception)


def test_a_link_names_the_address_that_people_use(data: Path) -> None:
    asked = ["sign-in-link", "--data", str(data)]
    shown = CliRunner().invoke(app, asked, env={"TUTELAGE_PUBLIC_URL": "https://chat.example/"})
    assert "https://chat.example/sign-in?token=" in shown.stdout
    shown = CliRunner().invoke(app, asked, env={"TUTELAGE_PORT": "8123"})
    assert "http://127.0.0.1:8123/sign-in?token=" in shown.stdout
    assert str(data) in shown.stderr


def test_a_site_key_names_its_origins(data: Path) -> None:
    run = CliRunner().invoke
    where = ["--data", str(data)]
    made = run(app, ["key", "create", "--name", "a", "--origin", "https://Shop.example/", *where])
    assert "will not be shown again: tk-" in made.output
    assert "https://shop.example" in run(app, ["key", "list", *where]).output
    wrong = run(app, ["key", "create", "--name", "shop", "--origin", "shop", *where])
    assert "'shop' is not an origin" in str(wrong.exception)


def test_teams_are_filled_and_deleted(data: Path) -> None:
    def run(*words: str) -> str:
        return CliRunner().invoke(app, ["teams", *words, "--data", str(data)]).output

    CliRunner().invoke(app, ["key", "create", "--name", "ada", "--data", str(data)])
    with open_core(Settings(data=data)).store.read() as session:
        (ada,) = session.exec(sqlmodel.select(User.id).where(User.name == "ada"))
    assert "Support." in run("create", "Support")
    assert "Support now" in run("add", "Support", ada)
    assert "called Helpdesk" in run("rename", "Support", "Helpdesk")
    assert "Helpdesk: ada" in run("list")
    assert "no team now" in run("remove", ada)
    assert "Helpdesk: no members" in run("list")
    forecast = ["policies", "trial-forecast", "--data", str(data), "--team"]
    assert "too few" in CliRunner().invoke(app, [*forecast, "Helpdesk"]).output
    assert isinstance(CliRunner().invoke(app, [*forecast, "Sales"]).exception, NotFound)
    with open_core(Settings(data=data)).store.write() as session:
        accounts.sign_up(session, "Ren\N{LATIN SMALL LETTER E WITH ACUTE}", "hash")
    run("add", "Helpdesk", "RENE\N{COMBINING ACUTE ACCENT}")  # from another keyboard
    assert "Helpdesk: Ren\N{LATIN SMALL LETTER E WITH ACUTE}" in run("list")
    assert "Deleted the team Helpdesk" in run("delete", "Helpdesk")
    assert run("list") == ""
