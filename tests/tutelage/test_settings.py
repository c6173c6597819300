"""Settings come from arguments, environment variables and mounted files, in this order."""

from pathlib import Path

import pytest

from tutelage.settings import Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUTELAGE_SECRETS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["TUTELAGE_ENGINE_KEY", "tutelage_engine_key"])
def test_a_secret_is_read_from_its_file(folder: Path, name: str) -> None:
    (folder / name).write_text("k-1\n")
    assert Settings().engine_key.get_secret_value() == "k-1"
    assert "k-1" not in repr(Settings())


def test_arguments_come_before_variables_and_variables_before_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TUTELAGE_PORT", "TUTELAGE_HOST", "TUTELAGE_THREADS"):
        (folder / name).write_text("1")
    monkeypatch.setenv("TUTELAGE_PORT", "2")
    monkeypatch.setenv("TUTELAGE_HOST", "here")
    found = Settings(port=3)
    assert (found.port, found.host, found.threads) == (3, "here", 1)


def test_without_a_folder_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTELAGE_SECRETS", raising=False)
    assert Settings().engine_key.get_secret_value() == ""
