"""Labelers at work: what they sent can be undone, made gold, or written whole as a gold task."""

import re

import pytest
from busy_service import fill_pages
from playwright.sync_api import expect

from tutelage.tables import Role

pytestmark = pytest.mark.browser


@pytest.fixture
def labeler(service, open_page):
    """Grace, who ranked one task of the busy_service service, at what she has done."""
    fill_pages(service)
    page = open_page(service.sign_in_link(Role.LABELER, "Grace"), consent=None)
    page.wait_for_url("**/label/**")
    page.goto("/label/mine")
    return page


def test_what_one_did_is_gold_or_undone_and_demonstrations_become_gold(labeler):
    row = labeler.get_by_role("row").filter(has_text="Ranking").filter(has_text="41 s").first
    row.get_by_role("button", name="Use as gold").click()
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
