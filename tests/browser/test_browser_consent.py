"""Consent in the browser: asked once, for the person and for each conversation."""

import pytest
from actions import ask, in_conversation
from playwright.sync_api import Page, expect
from service_fixture import TEA, RunningService

from tutelage.tables import Conversation

pytestmark = pytest.mark.browser

SWITCH = "Allow this conversation to be used for training"


def training(service: RunningService, page: Page) -> bool:
    """Whether the conversation in view may be trained on, as stored."""
    with service.core.store.read() as session:
        conversation = session.get(Conversation, in_conversation(page))
        assert conversation is not None
        return conversation.training


@pytest.mark.parametrize("answer", [True, False])
def test_the_question_is_asked_once_and_its_answer_holds(service, open_page, answer):
    page = open_page(consent=answer)
    page.reload()
    expect(page.get_by_role("switch", name=SWITCH)).to_be_checked(checked=answer)
    expect(page.get_by_text("Help improve Tutelage?")).to_have_count(0)
    ask(page, TEA)
    assert training(service, page) is answer


def test_nothing_is_trained_on_before_the_question_is_answered(service, open_page):
    page = open_page(consent=None)
    ask(page, TEA)
    assert training(service, page) is False


@pytest.mark.parametrize("answer", [True, False])
def test_a_conversation_can_differ_from_the_start(service, open_page, answer):
    page = open_page(consent=answer)
    page.get_by_role("switch", name=SWITCH).click()
    ask(page, TEA)
    expect(page.get_by_role("switch", name=SWITCH)).to_be_checked(checked=not answer)
    assert training(service, page) is not answer


def test_a_conversation_can_be_taken_out_later(service, open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("switch", name=SWITCH).click()
    expect(page.get_by_text("will not be used for training")).to_be_visible()
    assert training(service, page) is False


def test_the_persons_answer_can_be_changed_in_the_menu(service, open_page):
    page = open_page()
    page.get_by_role("button", name="Account and settings").click()
    page.get_by_role("menuitemcheckbox", name="Use new chats for training").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("switch", name=SWITCH)).not_to_be_checked()
    ask(page, TEA)
    assert training(service, page) is False
