"""How it looks: themes, small screens, and no page wider than its screen."""

import pytest
from actions import ask, compare
from playwright.sync_api import Page, expect
from service_fixture import SPEED, VACCINES

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True}


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def theme(page: Page) -> str:
    return page.evaluate("document.documentElement.dataset.theme")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_that_of_the_device(open_page, scheme):
    assert theme(open_page(color_scheme=scheme)) == scheme


def test_a_chosen_theme_survives_a_reload(open_page):
    page = open_page(color_scheme="light")
    page.get_by_role("button", name="Account and settings").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    assert theme(page) == "dark"
    page.reload()
    page.get_by_label("Message", exact=True).wait_for()
    assert theme(page) == "dark"


def test_a_conversation_fits_a_phone(open_page):
    page = open_page(**PHONE)
    ask(page, SPEED)
    assert overflow(page) <= 0


def test_a_comparison_fits_a_phone(open_page):
    page = open_page(**PHONE)
    compare(page, VACCINES, 4)
    assert overflow(page) <= 0


def test_on_a_phone_the_conversations_are_in_a_drawer(open_page):
    page = open_page(**PHONE)
    ask(page, "Something about whales")
    page.get_by_role("button", name="Open conversation list").click()
    drawer = page.get_by_role("dialog", name="Conversations")
    drawer.get_by_role("button", name="New chat").click()
    expect(drawer).to_have_count(0)
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()


def test_the_keyboard_reaches_everything_on_an_answer(open_page):
    page = open_page()
    ask(page, VACCINES)
    names = []
    page.get_by_label("Answer", exact=True).get_by_role("button", name="Copy").focus()
    for _ in range(5):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert names == ["Good answer", "Bad answer", "Regenerate", "Compare answers", "More"]
