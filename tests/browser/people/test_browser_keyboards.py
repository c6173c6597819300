"""Phones, input methods, clicks that come twice, and ranking without a mouse."""

import re

import pytest
from actions import answered, ask, compare, in_conversation, write
from playwright.sync_api import expect
from service_fixture import STORY, TEA, VACCINES

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CONFIRM = """box => box.dispatchEvent(new KeyboardEvent("keydown",
    {key: "Enter", keyCode: 229, isComposing: false, bubbles: true, cancelable: true}))"""


@pytest.mark.parametrize("label", ["Message", "Edit your message"])
def test_the_enter_that_confirms_a_word_sends_nothing(open_page, label):
    page = open_page()
    if label != "Message":
        ask(page, TEA)
        page.get_by_label("Your message", exact=True).hover()
        page.get_by_role("button", name="Edit and ask again").click()
    box = page.get_by_label(label, exact=True)
    box.fill("こんにちは")
    box.evaluate(CONFIRM)
    expect(box).to_have_value("こんにちは")
    box.press("Enter")
    sent = re.compile("^こんにちは(2/2)?$")  # an edit is a second version, once it is stored
    expect(page.get_by_label("Your message", exact=True)).to_have_text(sent)


def test_on_a_phone_enter_breaks_the_line_and_fields_do_not_zoom(open_page):
    page = open_page(**PHONE)
    box = page.get_by_label("Message", exact=True)
    box.press_sequentially("a")
    box.press("Enter")
    box.press_sequentially("b")
    expect(box).to_have_value("a\nb")
    assert float(box.evaluate("box => getComputedStyle(box).fontSize").removesuffix("px")) >= 16
    page.get_by_role("button", name="Send").tap()
    in_conversation(page)
    answered(page)


def test_who_types_on_while_a_new_chat_gets_its_address_loses_no_letter(open_page):
    page = open_page()
    write(page, TEA)
    box = page.get_by_label("Message", exact=True)
    next_prompt = "And black tea, or white tea, or the tea of a summer's afternoon?"
    box.press_sequentially(next_prompt, delay=3)
    in_conversation(page)
    answered(page)
    expect(box).to_have_value(next_prompt)
    expect(box).to_be_focused()


def test_an_editor_opened_while_a_new_chat_gets_its_address_keeps_the_cursor(open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_label("Message", exact=True).press("ArrowUp")
    page.keyboard.type("And ", delay=3)
    in_conversation(page)
    expect(page.get_by_label("Edit your message")).to_be_focused()
    expect(page.get_by_label("Edit your message")).to_have_value(re.compile("And "))


def test_with_little_height_the_last_line_and_send_are_in_view(open_page):
    page = open_page(**PHONE | {"viewport": {"width": 740, "height": 200}})
    box = page.get_by_label("Message", exact=True)
    box.fill("\n".join(f"line {n}" for n in range(10)))
    expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert box.evaluate("box => box.clientHeight") > 30


def test_a_double_click_on_send_does_not_stop_the_answer(open_page):
    page = open_page()
    page.get_by_label("Message", exact=True).fill("Twice?")
    page.get_by_role("button", name="Send").dblclick()
    expect(answered(page)).to_contain_text("Twice?")
    expect(page.get_by_text("Stopped")).to_have_count(0)
    expect(page.get_by_label("Your message", exact=True)).to_have_count(1)


def test_a_double_click_on_a_thumb_gives_it(open_page):
    page = open_page()
    ask(page, TEA)
    thumb = page.get_by_role("button", name="Good answer")
    thumb.dblclick()
    expect(page.get_by_text("What was good?")).to_be_visible()
    page.reload()
    expect(thumb).to_have_attribute("aria-pressed", "true")


def test_a_thumb_turned_round_forgets_its_reasons(open_page, service):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="Too long").click()
    page.get_by_role("button", name="Good answer").click()
    page.get_by_role("button", name="Clear").click()
    with page.expect_request("**/v1/feedback") as sent:
        page.get_by_label("Rating details").get_by_role("button", name="Send").click()
    assert sent.value.post_data_json["value"] == "up"
    assert sent.value.post_data_json["reasons"] == ["clear"]


def test_a_judgement_lands_on_the_answer_in_view(open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="Regenerate").click()
    expect(page.get_by_role("group", name="Versions")).to_contain_text("2/2")
    answered(page)
    page.get_by_role("button", name="Previous version").click()
    conversation = in_conversation(page)
    stored = page.request.get(f"/v1/conversations/{conversation}").json()["messages"]
    with page.expect_request("**/v1/feedback") as sent:
        page.get_by_role("button", name="Bad answer").click()
    assert sent.value.post_data_json["message_id"] == stored[1]["id"]


def test_a_ranking_by_keyboard_is_announced_and_survives_a_reload(open_page):
    page = open_page()
    compare(page, VACCINES, 3)
    for letter, place in (("A", 2), ("B", 1), ("C", 2)):
        page.get_by_role("listitem", name=f"Answer {letter}").press(str(place))
    spoken = page.get_by_role("status").filter(has_text="Answer C")
    expect(spoken).to_have_text("Answer C: rank 2 of 3, tied with A. 3 of 3 ranked.")
    page.reload()
    expect(page.get_by_text("3 of 3 ranked", exact=True)).to_be_visible()
    expect(page.get_by_role("listitem", name="Answer B, rank 1")).to_be_visible()
    page.get_by_role("button", name="Send ranking").click()
    expect(page.get_by_text("Ranking saved.")).to_be_visible()


def test_the_button_that_ends_a_comparison_is_in_view(open_page):
    page = open_page(viewport={"width": 1280, "height": 800})
    compare(page, VACCINES, 4)
    page.get_by_role("listitem", name="Answer A").press("1")
    expect(page.get_by_role("button", name="Send ranking")).to_be_in_viewport(ratio=1)


def test_a_screen_reader_hears_that_an_answer_was_stopped(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.get_by_text("chapter 2.")).to_be_visible()
    page.evaluate(
        """() => { window.heard = []; new MutationObserver(() => document.querySelectorAll(
        "[role=status]").forEach(each => window.heard.push(each.textContent)))
        .observe(document.body, {subtree: true, childList: true, characterData: true}) }"""
    )
    page.keyboard.press("Escape")
    answered(page)
    heard = page.evaluate("window.heard")
    assert "The answer was stopped." in heard
    assert "The answer is complete." not in heard
