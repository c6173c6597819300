"""Moderation as users see it, appeals, and the rules that operators set."""

import pytest
from actions import ask, write
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_warning_stands_beside_the_message_and_the_answer(open_page):
    page = open_page()
    answer = ask(page, "A lewdword, please")
    expect(page.get_by_label("Your message", exact=True)).to_contain_text(
        "flagged for sexual content"
    )
    expect(answer.get_by_role("note")).to_contain_text("read it with care")


def test_a_blocked_prompt_is_answered_with_a_sentence(open_page):
    page = open_page()
    write(page, "A threatword for you")
    notice = page.get_by_label("Answer", exact=True).get_by_role("note")
    expect(notice).to_contain_text("I can't answer this message")
    page.reload()
    expect(notice).to_contain_text("I can't answer this message")


def test_a_blocked_answer_shows_nothing_of_what_was_withheld(open_page):
    page = open_page()
    answer = ask(page, "Say vileword")
    expect(answer.get_by_role("note")).to_contain_text("This answer was cut off")
    expect(answer).not_to_contain_text("vileword")


def test_one_can_go_on_after_a_blocked_prompt(open_page):
    page = open_page()
    write(page, "A threatword for you")
    page.get_by_role("note").wait_for()
    expect(page.get_by_role("button", name="Send")).to_be_visible()  # the turn is over
    expect(ask(page, "Good morning")).to_contain_text("Good morning")


def blocked(page: Page) -> None:
    """Send a prompt that is not answered."""
    write(page, "Review the film Threatword for me, please.")
    page.get_by_role("note").get_by_role("button", name="Why was this flagged?").click()


def test_a_person_sees_why_and_appeals(open_page, operator):
    page = open_page()
    blocked(page)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("hateful threats")
    expect(dialog.locator("mark")).to_have_text("Threatword")
    dialog.get_by_label("Your appeal").fill("It is the title of a film.")
    dialog.get_by_role("button", name="Send appeal").click()
    expect(dialog.get_by_role("status")).to_contain_text("waiting for review")

    desk = operator("/operator/moderation?view=appeals")
    expect(desk.get_by_text("It is the title of a film.")).to_be_visible()
    desk.get_by_label("Your reply").fill("You are right, sorry.")
    desk.get_by_role("button", name="Overturn", exact=True).last.click()
    expect(desk.get_by_text("No pending appeals")).to_be_visible()

    page.reload()
    page.get_by_role("note").get_by_role("button", name="Why was this flagged?").click()
    expect(dialog).to_contain_text("overturned the filter's decision")
    expect(dialog).to_contain_text("You are right, sorry.")


def test_what_was_withheld_is_not_in_the_explanation(open_page):
    page = open_page()
    ask(page, "Say vileword").get_by_role("button", name="Why was this flagged?").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("never displayed")
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

    desk.get_by_role("button", name="Reset to configured defaults").click()
    expect(desk.get_by_text("Active: defaults from configuration")).to_be_visible()
