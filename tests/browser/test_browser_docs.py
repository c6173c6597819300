"""The API reference at /docs works under our content security policy."""

from collections.abc import Callable

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
Page = sync_api.Page
pytestmark = pytest.mark.browser


def test_an_operation_can_be_read_and_tried(open_page: Callable[..., Page]) -> None:
    page = open_page("/docs", consent=None)
    page.get_by_role("heading", name="tutelage").wait_for()
    page.get_by_text("/healthz", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    sync_api.expect(page.get_by_text('"status": "ok"').first).to_be_visible()
