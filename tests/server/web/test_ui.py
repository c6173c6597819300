"""The built web UI: which files and addresses are served, and how long they are cached."""

from pathlib import Path
from typing import Any

import pytest
from chat_service import new_services
from fastapi.testclient import TestClient

from server.app import create_app
from tutelage.composition import Core

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def built(core: Core, tmp_path: Path) -> Any:
    """A service with a built web UI."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>tutelage</title>")
    (static / "assets" / "main-1a2b.js").write_text("1")
    (static / ".hidden").write_text("hidden")
    (tmp_path / "outside.txt").write_text("outside")
    with TestClient(create_app(new_services(core), static)) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/c/conv_1", "/operator", "/operator/iterations/x", "/sign-in?token=x"]
)
def test_the_ui_draws_its_own_addresses(built: Any, path: str) -> None:
    answer = built.get(path)
    assert answer.status_code == 200 and "<title>tutelage" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


def test_built_files_are_cached_for_good(built: Any) -> None:
    answer = built.get("/assets/main-1a2b.js")
    assert answer.text == "1" and "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/.hidden", "/..%2foutside.txt", "/assets/..%2f..%2foutside.txt"])
def test_nothing_else_is_served(built: Any, path: str) -> None:
    assert built.get(path).status_code == 404


def test_without_a_built_ui_the_page_says_how_to_build_it(core: Core, tmp_path: Path) -> None:
    with TestClient(create_app(new_services(core), tmp_path / "none")) as client:
        answer = client.get("/")
    assert answer.status_code == 503 and "make setup" in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/operatr/policies", "/c", "/v2/chat/x"])
def test_a_browser_gets_the_page_that_says_so(core: Core, tmp_path: Path, path: str) -> None:
    (tmp_path / "index.html").write_text("<title>The UI</title>")
    with TestClient(create_app(new_services(core), static=tmp_path)) as client:
        shown = client.get(path, headers=BROWSER)
        told = client.get(path, headers={"accept": "application/json"})
        api = client.get("/v1/nothing", headers=BROWSER)
    assert (shown.status_code, shown.text) == (404, "<title>The UI</title>")
    for answer in (told, api):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")
