"""Lost connections, outages, other windows, shared computers, and storage that is refused."""

import re

import pytest
from actions import answered, ask, in_conversation, option, write
from playwright.sync_api import expect
from service_fixture import SPEED, STORY, TEA

pytestmark = pytest.mark.browser

COMPLETIONS = "**/v1/chat/completions"


def box(page):
    return page.get_by_label("Message", exact=True)


def test_the_next_question_may_follow_at_once_on_stop(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.get_by_text("chapter 2.")).to_be_visible()
    box(page).fill("And then?")
    page.keyboard.press("Escape")
    box(page).press("Enter")
    expect(answered(page)).to_contain_text("And then?")
    expect(page.get_by_text("Once upon a time")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Your message", exact=True)).to_have_count(2)


def test_an_answer_survives_a_reload_and_another_tab_watches_and_stops_it(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.get_by_text("chapter 2.")).to_be_visible()
    in_conversation(page)
    page.reload()
    expect(page.get_by_text("chapter 9.")).to_be_visible()
    second = page.context.new_page()
    second.goto(page.url)
    expect(second.get_by_text("chapter 12.")).to_be_visible()
    page.context.set_offline(True)
    page.context.set_offline(False)  # the connection is made anew
    second.get_by_role("button", name="Stop").click()
    expect(second.get_by_text("Stopped.")).to_be_visible()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    expect(page.get_by_text(re.compile("Once upon"))).to_have_count(1)


def test_text_that_could_not_be_sent_is_in_the_box_again(open_page):
    page = open_page(watched=False)
    page.context.set_offline(True)
    write(page, "What did I say?")
    expect(page.get_by_role("alert")).to_contain_text("Can't reach the server")
    expect(box(page)).to_have_value("What did I say?")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(answered(page)).to_contain_text("What did I say?")
    expect(box(page)).to_have_value("")


def test_a_prompt_that_is_too_long_says_so_before_it_is_sent(open_page):
    page = open_page()
    box(page).fill("x" * 31_000)
    expect(page.get_by_text("31,000 of 32,000 characters")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    box(page).fill("x" * 33_000)
    expect(page.get_by_text("33,000 of 32,000 characters")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()


def test_an_edit_that_was_refused_can_be_edited_again(open_page):
    page = open_page(watched=False)
    ask(page, TEA)
    refusal = {"error": {"message": "Too long.", "type": "invalid_request_error"}}
    page.route(COMPLETIONS, lambda route: route.fulfill(status=400, json=refusal), times=1)
    page.get_by_label("Your message", exact=True).hover()
    page.get_by_role("button", name="Edit and ask again").click()
    page.get_by_label("Edit your message").fill("Another question")
    page.get_by_role("button", name="Send", exact=True).first.click()
    expect(page.get_by_role("alert")).to_contain_text("Too long.")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    page.get_by_label("Your message", exact=True).hover()
    page.get_by_role("button", name="Edit and ask again").click()
    expect(page.get_by_label("Edit your message")).to_have_value("Another question")


def test_deleting_a_conversation_that_is_being_answered_leaves_nothing(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.get_by_text("chapter 2.")).to_be_visible()
    in_conversation(page)
    option(page, "very long story", "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.wait_for_timeout(1500)
    expect(page.get_by_role("link", name="very long story")).to_have_count(0)
    expect(ask(page, TEA)).to_contain_text("minutes")


def test_another_tab_shows_what_was_said_in_this_one(open_page):
    page = open_page()
    ask(page, TEA)
    second = page.context.new_page()
    second.goto(page.url)
    expect(second.get_by_label("Answer", exact=True)).to_have_count(1)
    ask(page, "And black tea?")
    expect(second.get_by_text("New messages from another window are shown.")).to_be_visible()
    expect(second.get_by_label("Answer", exact=True)).to_have_count(2)
    ask(second, "And white tea?")
    expect(page.get_by_label("Your message", exact=True)).to_have_count(3)
    expect(page.get_by_role("group", name="Versions")).to_have_count(0)


def test_after_an_outage_the_page_recovers_by_itself(open_page):
    page = open_page(watched=False)
    ask(page, TEA)
    ask_again = page.url
    page.goto("/")
    expect(page.get_by_role("link", name=re.compile("green tea"))).to_be_visible()
    page.route("**/v1/**", lambda route: route.abort())
    page.get_by_role("link", name=re.compile("green tea")).click()
    expect(page.get_by_role("alert").first).to_contain_text("Can't reach the server")
    expect(page.get_by_role("link", name=re.compile("green tea"))).to_be_visible()
    page.unroute("**/v1/**")
    expect(page.get_by_label("Answer", exact=True)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert page.url == ask_again


def test_the_next_person_does_not_read_the_draft(open_page):
    page = open_page()
    box(page).fill("my diagnosis is")
    page.get_by_role("button", name="Account and settings").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Sign out").click()
    expect(box(page)).to_have_value("")
    assert "diagnosis" not in page.evaluate("JSON.stringify(localStorage)")


def test_a_guest_whose_session_is_over_leaves_no_draft(open_page):
    page = open_page()
    box(page).fill("my diagnosis is")
    page.context.clear_cookies()
    page.reload()
    expect(box(page)).to_have_value("")
    assert "diagnosis" not in page.evaluate("JSON.stringify(localStorage)")


@pytest.mark.parametrize(
    "refusal",
    [
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('blocked') }})",
        "Storage.prototype.setItem = () => { throw new Error('full') }",
        "Storage.prototype.getItem = () => '{oops'",
    ],
    ids=["blocked", "full", "corrupt"],
)
def test_without_storage_the_chat_works(open_page, refusal):
    page = open_page()
    page.context.add_init_script(refusal)
    page.goto("/")
    expect(ask(page, SPEED)).to_contain_text("comprehension")
    page.reload()
    expect(page.get_by_label("Answer", exact=True)).to_be_visible()
    page.get_by_role("button", name="Regenerate").click()
    expect(page.get_by_role("group", name="Versions")).to_contain_text("2/2")
