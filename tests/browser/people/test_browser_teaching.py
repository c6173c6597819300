"""A person begins under a system prompt, changes it, and reads what became of what they taught."""

from collections.abc import Callable

from actions import ask
from playwright.sync_api import Page, expect
from service_fixture import RunningService
from sqlmodel import select

from tutelage.chat import inbox
from tutelage.tables import Feedback

Open = Callable[..., Page]


def test_a_conversation_begins_under_a_system_prompt_that_can_be_changed(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="System prompt").click()
    dialog = page.get_by_role("dialog", name="System prompt")
    dialog.get_by_label("Text of the system prompt").fill("You are a patient tutor.")
    dialog.get_by_label("Name").fill("As a tutor")
    dialog.get_by_role("button", name="Save under this name").click()
    chosen = dialog.get_by_label("Saved system prompts").locator("option:checked")
    expect(chosen).to_have_text("As a tutor")
    dialog.get_by_role("button", name="Use").click()
    expect(page.get_by_role("button", name="As a tutor")).to_be_visible()
    ask(page, "What is a prime?")
    note = page.get_by_role("region", name="System prompt")
    expect(note).to_contain_text("As a tutor")
    page.reload()
    expect(note).to_contain_text("As a tutor")
    note.get_by_role("button", name="Change the system prompt").click()
    dialog.get_by_label("Text of the system prompt").fill("Be brief.")
    dialog.get_by_role("button", name="Ask again from the beginning").click()
    expect(note).to_contain_text("2/2")
    expect(note).to_contain_text("Own system prompt")
    note.get_by_role("button", name="Previous version").click()
    expect(note).to_contain_text("As a tutor")


def test_a_person_is_told_what_became_of_their_feedback(
    service: RunningService, open_page: Open
) -> None:
    page = open_page()
    ask(page, "What is a prime?")
    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    page.goto("/account/feedback")
    story = page.get_by_role("listitem").filter(has_text="What is a prime?")
    expect(story).to_contain_text("Not used yet.")
    story.get_by_role("button", name="Compare before and now").click()
    expect(story.get_by_label("New answers")).to_contain_text("The model has not changed since.")
    with service.core.store.write() as session:
        row = session.exec(select(Feedback).where(Feedback.kind == "thumbs")).one()
        inbox.tell_taught(session, "iteration-0009", "policy-0009", [row.id], [])
    page.goto("/")
    page.get_by_role("button", name="Account and settings").click()
    page.get_by_role("menuitem", name="Inbox 1 new").click()
    told = page.get_by_role("listitem").filter(has_text="policy-0009 learned from 1 judgement")
    expect(told).to_be_visible()
    page.get_by_role("button", name="Mark all as read").click()
    expect(told.get_by_text("New", exact=True)).not_to_be_visible()
