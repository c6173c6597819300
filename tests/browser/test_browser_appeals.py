"""Appeals and moderation rules as people and operators use them."""

import pytest
from playwright.sync_api import Page, expect
from said import ask, write

pytestmark = pytest.mark.browser


def blocked(page: Page) -> None:
    """Send a prompt that is not answered."""
    write(page, "Review the film Threatword for me, please.")
    page.get_by_role("note").get_by_role("button", name="Why?").click()


def test_a_person_sees_why_and_appeals(open_page, operator):
    page = open_page()
    blocked(page)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("hate/threatening")
    expect(dialog.locator("mark")).to_have_text("Threatword")
    dialog.get_by_label("Your appeal").fill("It is the title of a film.")
    dialog.get_by_role("button", name="Appeal", exact=True).click()
    expect(dialog.get_by_role("status")).to_contain_text("A person will look at it")

    desk = operator("/operator/moderation?view=appeals")
    expect(desk.get_by_text("It is the title of a film.")).to_be_visible()
    desk.get_by_label("Your answer").fill("You are right, sorry.")
    desk.get_by_role("button", name="Filter was wrong", exact=True).last.click()
    expect(desk.get_by_text("No appeal waits")).to_be_visible()

    page.reload()
    page.get_by_role("note").get_by_role("button", name="Why?").click()
    expect(dialog).to_contain_text("the filter was wrong")
    expect(dialog).to_contain_text("You are right, sorry.")


def test_what_was_withheld_is_not_in_the_explanation(open_page):
    page = open_page()
    ask(page, "Say vileword").get_by_role("button", name="Why?").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("never shown")
    expect(dialog).not_to_contain_text("vileword")


def test_an_operator_changes_a_rule_and_takes_it_back(open_page, operator):
    desk = operator("/operator/moderation?view=rules")
    actions = desk.get_by_role("group", name="Action for sexual", exact=True)
    actions.get_by_role("button", name="block").click()
    expect(desk.get_by_text("1 rule changed, not saved.")).to_be_visible()
    desk.get_by_role("button", name="Save rules").click()
    expect(desk.get_by_text("Set by an operator")).to_be_visible()

    page = open_page()
    write(page, "A lewdword, please")
    expect(page.get_by_role("note")).to_contain_text("I can't answer this message")

    desk.get_by_role("button", name="Back to the settings").click()
    expect(desk.get_by_text("In force: the rules of the settings")).to_be_visible()
