"""Chatting in the browser: streams, branches, conversations."""

import re

import pytest
from actions import answered, ask, in_conversation, option, write
from playwright.sync_api import expect
from service_fixture import SPEED, STORY, TEA

pytestmark = pytest.mark.browser


def test_an_answer_is_shown_while_it_is_written(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.get_by_text("chapter 3.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.get_by_text("chapter 399.")).not_to_be_visible()


def test_markdown_is_drawn_with_tables_and_coloured_code(open_page):
    page = open_page()
    answer = ask(page, SPEED)
    expect(answer.get_by_role("cell", name="184 ms")).to_be_visible()
    expect(answer.locator(".shiki-token", has_text="def")).to_be_visible()
    expect(answer.get_by_role("listitem")).to_have_count(2)


def test_an_answer_to_ones_own_prompt_is_no_news(open_page):
    page = open_page()
    page.evaluate(
        """() => { window.said = []; new MutationObserver(() => {
            for (const status of document.querySelectorAll('[role=status]'))
                window.said.push(status.textContent);
        }).observe(document.body, {childList: true, subtree: true, characterData: true}) }"""
    )
    ask(page, TEA)
    ask(page, "And black tea?")
    page.wait_for_timeout(1000)
    assert not any("another window" in said for said in page.evaluate("window.said"))
    expect(page.get_by_text("New messages from another window")).to_have_count(0)


def test_html_in_an_answer_is_text(open_page):
    page = open_page()
    answer = ask(page, "<img src=x onerror=alert(1)> <script>alert(2)</script>")
    expect(answer).to_contain_text("Thank you")
    expect(answer.locator("img, script")).to_have_count(0)


def test_stopping_keeps_what_was_written_and_one_can_go_on(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.get_by_text("chapter 2.")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(answered(page)).to_contain_text("Stopped.")
    page.reload()
    expect(page.get_by_text("chapter 2.")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(answered(page)).to_contain_text("what I would say")
    expect(answered(page)).to_contain_text("Once upon a time there was chapter 1.")
    expect(page.get_by_role("group", name="Versions")).to_contain_text("2/2")
    expect(ask(page, "And then?")).to_contain_text("And then?")


def test_escape_stops(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.get_by_text("chapter 2.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(answered(page)).to_contain_text("Stopped.")


def test_answering_again_adds_a_version_beside_the_first(open_page):
    page = open_page()
    first = ask(page, TEA).inner_text()
    page.get_by_role("button", name="Regenerate").click()
    versions = page.get_by_role("group", name="Versions")
    expect(versions).to_contain_text("2/2")
    assert answered(page).locator(".prose").inner_text() not in first
    versions.get_by_role("button", name="Previous version").click()
    expect(versions).to_contain_text("1/2")
    expect(page.get_by_label("Answer", exact=True)).to_contain_text(first.split("\n")[0])


def test_an_edited_prompt_is_a_branch_and_the_old_one_stays(open_page):
    page = open_page()
    ask(page, "What is a cat?")
    ask(page, "And a kitten?")
    page.get_by_label("Your message", exact=True).first.hover()
    page.get_by_role("button", name="Edit and ask again").first.click()
    page.get_by_label("Edit your message").fill("What is a dog?")
    page.get_by_role("button", name="Send", exact=True).first.click()
    expect(answered(page)).to_contain_text("What is a dog?")
    expect(page.get_by_text("And a kitten?")).to_have_count(0)
    page.get_by_label("Your message", exact=True).first.hover()
    page.get_by_role("button", name="Previous version").first.click()
    expect(page.get_by_label("Your message", exact=True).last).to_have_text("And a kitten?")


def test_the_branch_in_view_survives_a_reload(open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="Regenerate").click()
    answered(page)
    page.get_by_role("button", name="Previous version").click()
    page.reload()
    expect(page.get_by_role("group", name="Versions")).to_contain_text("1/2")


def test_shift_enter_breaks_the_line(open_page):
    page = open_page()
    box = page.get_by_label("Message", exact=True)
    box.fill("one")
    box.press("Shift+Enter")
    box.press_sequentially("two")
    box.press("Enter")
    expect(page.get_by_label("Your message", exact=True)).to_have_text(
        "one\ntwo", use_inner_text=True
    )


def test_a_draft_survives_a_reload(open_page):
    page = open_page()
    page.get_by_label("Message", exact=True).fill("Half a thou")
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_have_value("Half a thou")


def test_an_example_prompt_begins_a_conversation(open_page):
    page = open_page()
    page.get_by_role("button", name="Make a plan").click()
    in_conversation(page)
    expect(answered(page)).to_contain_text("dinners")


def test_the_answer_names_the_policy(open_page):
    page = open_page()
    expect(ask(page, TEA)).to_contain_text("policy-0003")


def test_a_conversation_is_renamed_found_and_deleted(open_page):
    page = open_page()
    ask(page, "Something about whales")
    option(page, "Something about whales", "Rename")
    page.get_by_label("Title").fill("Whales")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Whales")).to_be_visible()
    page.get_by_label("Search conversations").fill("zebra")
    expect(page.get_by_text("No conversations match")).to_be_visible()
    page.get_by_label("Search conversations").fill("wha")
    option(page, "Whales", "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Whales")).to_have_count(0)
    expect(page).to_have_url(re.compile("/$"))


def test_an_answer_goes_on_while_one_looks_elsewhere(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.get_by_text("chapter 2.")).to_be_visible()
    story = in_conversation(page)
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    page.get_by_role("link", name="very long story").click()
    expect(page).to_have_url(re.compile(story))
    expect(page.get_by_text("chapter 20.")).to_be_visible()


def test_a_failure_says_why_and_can_be_tried_again(open_page):
    page = open_page(watched=False)
    body = {"error": {"message": "Too many answers are being written.", "type": "server_error"}}
    completions = "**/v1/chat/completions"
    page.route(completions, lambda route: route.fulfill(status=503, json=body), times=1)
    write(page, TEA)
    expect(page.get_by_role("alert")).to_contain_text("Too many answers are being written.")
    page.get_by_role("button", name="Try again").click()
    expect(answered(page)).to_contain_text("minutes")


def test_a_conversation_of_somebody_else_is_not_shown(open_page):
    page = open_page()
    ask(page, TEA)
    other = open_page(f"/c/{in_conversation(page)}", consent=None, watched=False)
    expect(other.get_by_role("alert")).to_contain_text("not found")


def test_formulas_are_set(open_page):
    page = open_page()
    answer = ask(page, r"The area is \(\pi r^2\), and it costs $5.")
    expect(answer.locator(".katex").first).to_be_visible()
    expect(answer).to_contain_text("it costs $5.")


def test_a_link_is_read_by_anybody_until_it_is_withdrawn(open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="Share or export").click()
    page.get_by_role("menuitem", name="Share by link").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Create link").click()
    address = dialog.get_by_role("link").get_attribute("href")
    reader = open_page(address, consent=None, watched=False)
    expect(reader.get_by_label("Prompt")).to_have_text(TEA)
    dialog.get_by_role("button", name="Revoke").click()
    expect(dialog.get_by_role("link")).to_have_count(0)
    reader.reload()
    expect(reader.get_by_role("heading", name="Link not found")).to_be_visible()


def test_the_list_is_hidden_and_says_where_it_found_the_words(open_page):
    page = open_page(viewport={"width": 1280, "height": 800})
    ask(page, TEA)
    page.get_by_label("Search conversations").fill("minutes")
    found = page.get_by_role("navigation", name="Conversations").get_by_role("listitem")
    expect(found).to_contain_text(re.compile("(two|to three) minutes"))
    page.get_by_role("button", name="Hide conversation list").click()
    page.reload()
    expect(page.get_by_role("navigation", name="Conversations")).to_have_count(0)
    page.get_by_role("button", name="Open conversation list").click()
    expect(page.get_by_role("navigation", name="Conversations")).to_be_visible()
