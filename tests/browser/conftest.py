"""Fixtures: the real application in a real browser, whose console must stay free of errors."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.web.ui import STATIC

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
service_fixture = pytest.importorskip("service_fixture")

Page = sync_api.Page
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
PATIENCE_MS = 60_000  # a loaded machine can take this long for a click


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, the accessibility engine, as a script to run in a page."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run `npm ci` in frontend/")
    return AXE.read_text()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one, or without the built UI, these tests are skipped."""
    names = (
        os.environ.get("CHROMIUM", ""),
        "chromium-headless-shell",
        "chromium",
        "chromium-browser",
        "google-chrome",
    )
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(
            "no Chromium here: install chromium-headless-shell, or set CHROMIUM to its path"
        )
    if not (STATIC / "index.html").is_file():
        pytest.skip("the web UI is not built: run `python frontend/build.py`")
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[sync_api.Browser]:
    """One browser; each test gets a context of its own, which is a person of its own."""
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, chromium: str
) -> Iterator[service_fixture.RunningService]:
    """A running service with policies; the tests of a module share it."""
    with service_fixture.running(tmp_path_factory.mktemp("browser") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def trained_service(service: service_fixture.RunningService) -> service_fixture.RunningService:
    """The service after three iterations, with a fourth under way."""
    service_fixture.add_iterations(service.core)
    return service


Open = Callable[..., Page]


@pytest.fixture
def open_page(service: service_fixture.RunningService, browser: sync_api.Browser) -> Iterator[Open]:
    """Opens a path as a new person. Ends in a failure if any page logged an error.

    ``consent`` answers the first visit's question; None leaves it open. A page that is not
    ``watched`` may log failed requests. ``options`` are those of a browser context, such as
    ``viewport`` or ``color_scheme``.
    """
    contexts, problems = [], []

    def complain(page: Page, said: sync_api.ConsoleMessage) -> None:
        if said.type == "error":
            problems.append(f"{page.url}: {said.text}")

    def open_path(
        path: str = "/", consent: bool | None = True, watched: bool = True, **options: object
    ) -> Page:
        context = browser.new_context(base_url=service.address, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        if watched:
            page.on("console", lambda said: complain(page, said))
        page.goto(path)
        if consent is not None:
            page.get_by_role("button", name="Allow training" if consent else "Don't allow").click()
            page.get_by_text("Help improve Tutelage?").wait_for(state="detached")
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture
def operator(service: service_fixture.RunningService, open_page: Open) -> Callable[..., Page]:
    """Opens a path of the operator's pages, signed in by a one-time link."""

    def open_operator(path: str = "/operator", **options: object) -> Page:
        page = open_page(service.sign_in_link(), consent=None, **options)
        page.wait_for_url("**/operator/iterations")
        if path != "/operator":
            page.goto(path)
        return page

    return open_operator
