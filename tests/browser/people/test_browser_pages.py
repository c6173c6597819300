"""A page that fails, an address that does not exist, and a comparison that is left."""

import json

import pytest
from actions import answered, ask, compare, put
from playwright.sync_api import expect
from service_fixture import VACCINES

pytestmark = pytest.mark.browser


def test_a_page_that_fails_leaves_the_others_alone(operator):
    page = operator(watched=False)
    page.route("**/v1/operator/policies", lambda route: route.fulfill(json={"data": 5}))
    page.get_by_role("link", name="Policies").click()
    expect(page.get_by_role("heading", name="This page failed")).to_be_visible()
    page.unroute("**/v1/operator/policies")
    page.get_by_role("button", name="Go to the chat").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()


@pytest.mark.parametrize("address", ["/operator/nothing", "/account/nothing"])
def test_an_unknown_address_is_said_to_be_one(operator, address):
    page = operator(address)
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    assert page.url.endswith(address)


def test_leaving_a_comparison_keeps_the_branch_in_view(open_page):
    page = open_page()
    compare(page, VACCINES, 3)
    for letter, place in zip("ABC", (2, 1, 3), strict=True):
        put(page, letter, place)
    page.get_by_role("button", name="Send ranking").click()
    page.get_by_role("button", name="Continue with B").click()
    ask(page, "And then?")
    page.get_by_role("button", name="Compare answers").first.click()
    page.get_by_role("menuitem", name="Compare these answers").click()
    page.get_by_role("button", name="Skip ranking").click()
    expect(answered(page)).to_contain_text("And then?")
    expect(page.get_by_label("Your message", exact=True)).to_have_count(2)


def test_the_keyboard_reaches_search_a_new_chat_and_the_last_prompt(open_page):
    page = open_page()
    ask(page, "First try")
    page.get_by_label("Message", exact=True).press("ArrowUp")
    expect(page.get_by_label("Edit your message")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search conversations")).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    page.get_by_role("button", name="New chat").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def test_the_page_can_be_installed_as_an_app(open_page):
    page = open_page()
    found = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert found["errors"] == []
    for icon in json.loads(found["data"])["icons"]:
        answer = page.request.get(icon["src"])
        assert answer.ok
        assert answer.headers["content-type"] == icon["type"]
