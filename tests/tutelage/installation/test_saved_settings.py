"""Saved settings: above the defaults, below what a process is given, within their bounds."""

from pathlib import Path

import pytest
import sqlalchemy
from sqlmodel import select
from typer.testing import CliRunner

from tutelage.cli import app
from tutelage.composition import open_core, open_existing
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.installation import saved_settings
from tutelage.settings import Settings, origin_of
from tutelage.store import Store
from tutelage.tables import AuditEvent


def save(store: Store, settings: Settings, name: str, value: object) -> None:
    with store.write() as session:
        saved_settings.save(session, settings, name, value, "boss")
    saved_settings.apply(settings, store)


def test_a_saved_setting_holds_until_it_is_reset(any_store: Store) -> None:
    settings, other = Settings(), Settings()
    save(any_store, settings, "rate_limit", 7)
    save(any_store, settings, "rate_limit", 9)
    saved_settings.apply(other, any_store)
    assert settings.rate_limit == other.rate_limit == 9
    with any_store.write() as session:
        saved_settings.reset(session, "rate_limit", "boss")
    saved_settings.apply(other, any_store)
    assert other.rate_limit == 600
    with any_store.read() as session:
        events = list(session.exec(select(AuditEvent).order_by(AuditEvent.seq)))  # type: ignore[arg-type]
    assert [(each.action, each.details) for each in events] == [
        ("settings.save", {"value": 7, "before": None}),
        ("settings.save", {"value": 9, "before": 7}),
        ("settings.reset", {"before": 9}),
    ]


def test_what_the_process_is_given_comes_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, Settings(), "guests", False)
    monkeypatch.setenv("TUTELAGE_GUESTS", "true")
    given = Settings()
    saved_settings.apply(given, store)
    assert given.guests is True
    with pytest.raises(Conflict, match="TUTELAGE_GUESTS is set where the service starts"):
        save(store, given, "guests", False)


def test_what_needs_a_restart_waits_for_it(tmp_path: Path) -> None:
    core = open_core(Settings(data=tmp_path))
    save(core.store, core.settings, "max_queue", 3)
    assert core.settings.max_queue == 64
    assert open_existing(Settings(data=tmp_path)).settings.max_queue == 3


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rate_limit", -1, "greater than or equal to 0"),
        ("rate_limit", "many", "valid integer"),
        ("temperature", 2.5, "less than or equal to 2"),
        ("temperature", "nan", "or equal to"),
        ("policy_choice", "nobody", "'labelers' or 'everyone'"),
        ("starters", '[{"title": ""}]', "0: title: String should have at least 1 character"),
        ("quotas", '{"boss": {}}', "'guest', 'user', 'labeler' or 'operator'"),
        ("quotas", '{"user": {"requests": -1}}', "greater than or equal to 0"),
        ("cors_origins", "https://a.example/path", "is not an origin"),
    ],
)
def test_bounds_are_told(store: Store, name: str, value: object, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        save(store, Settings(), name, value)


@pytest.mark.parametrize("name", ["engine_key", "port", "nothing", "__class__"])
def test_other_settings_are_not_saved(store: Store, name: str) -> None:
    with pytest.raises(NotFound):
        save(store, Settings(), name, "1")


def test_a_value_that_this_version_does_not_take_leaves_the_default(store: Store) -> None:
    save(store, Settings(), "rate_limit", 7)
    with store.write() as session:
        session.execute(sqlalchemy.text("UPDATE setting SET value = '-7'"))
    settings = Settings()
    saved_settings.apply(settings, store)
    assert settings.rate_limit == 600
    with store.read() as session:
        (problem,) = saved_settings.problems(session)
    assert "rate_limit = -7" in problem


def test_the_command_line_saves_lists_and_resets(tmp_path: Path) -> None:
    open_core(Settings(data=tmp_path)).store.close()
    run = CliRunner().invoke
    where = ["--data", str(tmp_path)]
    done = run(app, ["settings", "set", "guests", "false", *where])
    assert "within 2 seconds" in done.output
    listed = run(app, ["settings", "list", *where]).output
    assert "guests                 saved           False" in listed
    assert '"guests": false' in run(app, ["settings", "list", "--json", *where]).output
    assert "Reset." in run(app, ["settings", "reset", "guests", *where]).output
    refused = run(app, ["settings", "set", "guests", "perhaps", *where])
    assert isinstance(refused.exception, Invalid) and "valid boolean" in str(refused.exception)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://A.example:443/", "https://a.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_origins_are_as_browsers_send_them(text: str, origin: str) -> None:
    assert origin_of(text) == origin


@pytest.mark.parametrize(
    "text", ["", "a.example", "null", "file:///x", "https://a/b", "https://u@a", "http://a:x"]
)
def test_what_is_not_an_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        origin_of(text)
