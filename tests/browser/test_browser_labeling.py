"""Labelers at work: what they sent can be undone, made gold, or written whole as a gold task."""

import re

import pytest
from busy_service import fill_pages
from playwright.sync_api import expect

from tutelage.tables import Role

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def filled(service):
    """The service, with something on every page."""
    fill_pages(service)
    return service


@pytest.fixture
def labeler(filled, open_page):
    """Grace, who ranked one task of the busy_service service, at what she has done."""
    page = open_page(filled.sign_in_link(Role.LABELER, "Grace"), consent=None)
    page.wait_for_url("**/label/**")
    page.goto("/label/mine")
    return page


def test_an_unfinished_task_survives_a_reload_and_undo_gives_a_ranking_back(labeler):
    labeler.goto("/label/rank")
    labeler.get_by_role("button", name="Send ranking").wait_for()
    answers = labeler.get_by_role("list", name="Answers").get_by_role("listitem")
    count = answers.count()
    for place in range(count):
        answers.nth(place).press(str(place + 1))
    answers.first.get_by_role("button", name="Rating 6").click()
    answers.first.get_by_role("button", name="Off topic").click()
    labeler.reload()
    ranked = f"{count} of {count} ranked"
    expect(labeler.get_by_text(ranked, exact=True)).to_be_visible()
    labeler.get_by_role("button", name="Send ranking").click()
    labeler.get_by_role("button", name="Undo last task").click()
    expect(labeler.get_by_text(ranked, exact=True)).to_be_visible()
    expect(answers.first.get_by_role("button", name="Rating 6")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(answers.first.get_by_role("button", name="Off topic")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_half_a_demonstration_survives_a_reload(labeler):
    labeler.goto("/label/demonstrate")
    labeler.get_by_label("The assistant's answer").fill("Two minutes")
    labeler.reload()
    expect(labeler.get_by_label("The assistant's answer")).to_have_value("Two minutes")
    expect(labeler.get_by_role("button", name="Send demonstration")).to_be_enabled()


def test_what_one_did_is_gold_or_undone_and_demonstrations_become_gold(labeler):
    row = labeler.get_by_role("row").filter(has_text="Ranking").filter(has_text="41 s").first
    row.get_by_role("button", name="Use as gold").click()
    asked = labeler.get_by_role("alertdialog")
    expect(asked).to_contain_text("Other labelers will be scored against your ranking")
    asked.get_by_role("button", name="Use as gold").click()
    expect(row.get_by_text("Gold", exact=True)).to_be_visible()
    row.get_by_role("button", name="Undo").click()
    labeler.wait_for_url("**/label/rank")
    labeler.get_by_role("button", name="Send ranking").wait_for()
    labeler.goto("/label/demonstrate")
    labeler.get_by_label("The assistant's answer").fill("Two minutes at 75 degrees.")
    labeler.get_by_role("button", name="Add assistant message").click()
    labeler.get_by_role("button", name="Send demonstration").click()
    labeler.get_by_text("Saved. Thank you.").wait_for()
    labeler.goto("/label/mine")
    row = labeler.get_by_role("row").filter(has_text="Demonstration")
    row.filter(has_text="Answered").get_by_role("button", name="Use as gold").click()
    dialog = labeler.get_by_role("dialog")
    expect(dialog.get_by_label("Answer 1", exact=True)).to_have_value(re.compile("Two minutes"))
    dialog.get_by_label("Answer 2", exact=True).fill("An hour.")
    dialog.get_by_role("button", name="Save").click()
    labeler.get_by_text("Gold task saved.").wait_for()
