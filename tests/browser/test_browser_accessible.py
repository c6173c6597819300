"""Accessibility of what opens on a page, as far as axe-core sees it: names, contrast, structure."""

from typing import Any

import pytest
from actions import ask, compare, put, write
from playwright.sync_api import Page
from service_fixture import SPEED, VACCINES

pytestmark = pytest.mark.browser

SETTLED_MS = 400  # half-faded texts have too little contrast


@pytest.fixture(params=["light", "dark"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A context in one of the themes, into which a script may be put."""
    return {"color_scheme": request.param, "bypass_csp": True}


def violations(page: Page, axe: str) -> list[str]:
    """What is wrong with the page as it is, a line each."""
    page.wait_for_timeout(SETTLED_MS)
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def test_the_first_visit(open_page, axe, options):
    page = open_page(consent=None, **options)
    page.get_by_text("Help improve Tutelage?").wait_for()
    assert violations(page, axe) == []


def test_a_conversation_with_notices(open_page, axe, options):
    page = open_page(**options)
    ask(page, SPEED)
    ask(page, "A lewdword, please")
    write(page, "A threatword for you")
    page.get_by_text("I can't answer this message").wait_for()
    assert violations(page, axe) == []


def test_dialogs(open_page, axe, options):
    page = open_page(**options)
    ask(page, VACCINES)
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("dialog").wait_for()
    assert violations(page, axe) == []
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Report this answer").click()
    assert violations(page, axe) == []


def test_a_comparison(open_page, axe, options):
    page = open_page(**options)
    compare(page, VACCINES, 3)
    put(page, "A", 1)
    assert violations(page, axe) == []
