"""Moderation as people see it: a clear sentence, and nothing that was withheld."""

import pytest
from playwright.sync_api import expect
from said import ask, write

pytestmark = pytest.mark.browser


def test_a_warning_stands_beside_the_message_and_the_answer(open_page):
    page = open_page()
    answer = ask(page, "A lewdword, please")
    expect(page.get_by_label("You said")).to_contain_text("flagged for sexual content")
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
    expect(answer.get_by_role("note")).to_contain_text("The answer was stopped here")
    expect(answer).not_to_contain_text("vileword")


def test_one_can_go_on_after_a_blocked_prompt(open_page):
    page = open_page()
    write(page, "A threatword for you")
    page.get_by_role("note").wait_for()
    expect(page.get_by_role("button", name="Send")).to_be_visible()  # the turn is over
    expect(ask(page, "Good morning")).to_contain_text("Good morning")
