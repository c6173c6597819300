"""Judging answers in the browser: thumbs, better answers, reports, rankings."""

from typing import Any

import pytest
from actions import ask, compare, in_conversation, put, write
from playwright.sync_api import Page, expect
from service_fixture import STORY, TEA, VACCINES, RunningService
from sqlmodel import select

from tutelage.feedback import feedback
from tutelage.tables import Feedback, Message

pytestmark = pytest.mark.browser


def kept(service: RunningService, page: Page, kind: str) -> list[Feedback]:
    """The judgements of that kind that stand in the conversation in view."""
    with service.core.store.read() as session:
        rows = feedback.of_conversation(session, in_conversation(page))
    return [row for row in rows if row.kind == kind]


def text_of(service: RunningService, message_id: str) -> str:
    with service.core.store.read() as session:
        return session.exec(select(Message.content).where(Message.id == message_id)).one()


def words(markdown: str) -> str:
    return markdown.replace("*", "")


def test_a_thumb_is_kept_at_a_click_and_reasons_can_follow(service, open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="Bad answer").click()
    reasons = page.get_by_role("dialog")
    expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    reasons.get_by_role("button", name="Too short").click()
    reasons.get_by_label("Comment").fill("Which water?")
    reasons.get_by_role("button", name="Send").click()
    expect(reasons).to_have_count(0)
    (row,) = kept(service, page, "thumbs")
    assert row.value == {"value": "down", "reasons": ["too_short"], "comment": "Which water?"}


def test_a_thumb_survives_a_reload_and_can_be_taken_back(service, open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="Good answer").click()
    page.get_by_role("button", name="Skip").click()
    page.reload()
    thumb = page.get_by_role("button", name="Good answer")
    expect(thumb).to_have_attribute("aria-pressed", "true")
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "false")
    assert kept(service, page, "thumbs") == []


def test_a_copied_answer_is_noted(service, open_page):
    page = open_page(permissions=["clipboard-write"])
    answer = ask(page, TEA)
    with page.expect_response("**/v1/feedback/copied/*") as noted:
        answer.get_by_role("button", name="Copy").click()
    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    message_id = noted.value.url.rsplit("/", 1)[1]
    with service.core.store.read() as session:
        assert session.get_one(Message, message_id).copied_at
    assert kept(service, page, "thumbs") == []


def test_a_better_answer_is_kept(service, open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Suggest a better answer").click()
    page.get_by_role("textbox", name="Better answer").fill("Two minutes at 75 °C.")
    page.get_by_role("button", name="Send answer").click()
    expect(page.get_by_text("You suggested a better answer")).to_be_visible()
    (row,) = kept(service, page, "edit")
    assert row.value == {"text": "Two minutes at 75 °C."}


def test_a_flagged_better_answer_says_so_after_a_reload_too(service, open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Suggest a better answer").click()
    page.get_by_role("textbox", name="Better answer").fill("A vileword, for two minutes.")
    page.get_by_role("button", name="Send answer").click()
    told = "Saved, but flagged for hate: the model does not learn this text."
    expect(page.get_by_role("note")).to_contain_text(told)
    page.reload()
    expect(page.get_by_role("note")).to_contain_text(told)


def test_a_report_is_kept(service, open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Report this answer").click()
    page.get_by_role("button", name="Biased or unfair").click()
    page.get_by_label("Comment").fill("It is unfair to coffee.")
    page.get_by_role("button", name="Send report").click()
    expect(page.get_by_text("You reported this answer")).to_be_visible()
    (row,) = kept(service, page, "report")
    assert row.value == {"category": "bias", "comment": "It is unfair to coffee."}


def shown(page: Page) -> list[str]:
    """The answers' texts in the order in which they are shown."""
    cards = page.get_by_role("region", name="Compare answers").locator(".prose")
    return [card.inner_text() for card in cards.all()]


def rank(page: Page, **places: int) -> None:
    for letter, place in places.items():
        put(page, letter, place)
    page.get_by_role("button", name="Send ranking").click()
    page.get_by_text("Ranking saved.").wait_for()


def test_answers_are_ranked_with_a_tie(service: Any, open_page):
    page = open_page()
    compare(page, VACCINES, 3)
    texts = shown(page)
    rank(page, A=2, B=1, C=2)
    (row,) = kept(service, page, "ranking")
    ranked = [[words(text_of(service, each)) for each in group] for group in row.value["ranking"]]
    assert [sorted(group) for group in ranked] == [[texts[1]], sorted([texts[0], texts[2]])]
    assert [words(text_of(service, each)) for each in row.positions] == texts


def test_the_conversation_goes_on_from_the_best_answer(open_page):
    page = open_page()
    compare(page, VACCINES, 2)
    best = shown(page)[1]
    rank(page, A=2, B=1)
    page.get_by_role("button", name="Continue with B").click()
    expect(page.get_by_label("Answer", exact=True).locator(".prose")).to_have_text(best)
    ask(page, "Thanks!")
    page.reload()
    expect(page.get_by_label("Answer", exact=True).first.locator(".prose")).to_have_text(best)


def test_another_answer_can_be_chosen_to_go_on_from(open_page):
    page = open_page()
    compare(page, VACCINES, 2)
    other = shown(page)[0]
    rank(page, A=2, B=1)
    expect(page.get_by_role("listitem", name="Answer A, rank 2")).to_contain_text("Rank 2")
    page.get_by_role("button", name="Continue with A").click()
    expect(page.get_by_label("Answer", exact=True).locator(".prose")).to_have_text(other)


def test_a_ranking_needs_a_place_for_every_answer(open_page):
    page = open_page()
    compare(page, VACCINES, 2)
    put(page, "A", 1)
    expect(page.get_by_role("button", name="Send ranking")).to_be_disabled()


def test_answers_are_placed_by_number_keys(service, open_page):
    page = open_page()
    compare(page, VACCINES, 2)
    page.get_by_role("listitem", name="Answer A").press("1")
    page.get_by_role("listitem", name="Answer B").press("1")
    page.get_by_role("button", name="Send ranking").click()
    page.get_by_text("Ranking saved.").wait_for()
    (row,) = kept(service, page, "ranking")
    assert [len(group) for group in row.value["ranking"]] == [2]


def test_answers_are_dragged_into_place(open_page):
    page = open_page()
    compare(page, VACCINES, 2)
    piece = page.get_by_role("button", name="Answer A", exact=True)
    piece.scroll_into_view_if_needed()
    start = piece.bounding_box()
    target = page.get_by_label("1st · best").bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(target["x"] + 30, target["y"] + 50, steps=12)
    page.wait_for_timeout(200)
    page.mouse.up()
    expect(page.get_by_label("1st · best").get_by_text("Answer A")).to_be_visible()
    expect(page.get_by_role("listitem", name="Answer A, rank 1")).to_be_visible()


def test_the_last_prompt_can_be_answered_again_side_by_side(open_page):
    page = open_page()
    ask(page, TEA)
    page.get_by_role("button", name="Compare answers").click()
    page.get_by_role("menuitem", name="Compare 2 new answers").click()
    page.get_by_role("button", name="Send ranking").wait_for()
    assert len(shown(page)) == 2
    page.get_by_role("button", name="Skip ranking").click()
    expect(page.get_by_role("group", name="Versions")).to_contain_text("/3")


def test_a_comparison_that_was_left_can_be_taken_up_again(open_page):
    page = open_page()
    compare(page, VACCINES, 2)
    page.reload()  # it is still there
    page.get_by_role("button", name="Skip ranking").click()
    page.get_by_role("button", name="Compare answers").click()
    page.get_by_role("menuitem", name="Compare these answers").click()
    rank(page, A=1, B=2)


def test_answers_that_are_compared_can_be_stopped(open_page):
    page = open_page()
    page.get_by_role("button", name="Single answer").click()
    page.get_by_role("menuitemradio", name="Compare 2").click()
    page.keyboard.press("Escape")
    write(page, STORY)
    expect(page.get_by_text("chapter 2.").first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    rank(page, A=1, B=1)
