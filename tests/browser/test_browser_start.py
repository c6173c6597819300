"""Starting an iteration from the operator's page, while none is under way."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_an_iteration_is_asked_for_and_cancelled(service, operator):
    page = operator()
    page.get_by_role("button", name="Start an iteration").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Not enough feedback").first).to_be_visible()
    dialog.get_by_role("radio", name="smoke").check()
    dialog.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    page.get_by_role("button", name="Cancel iteration").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel iteration").click()
    expect(page.get_by_text("Cancelled").first).to_be_visible()
