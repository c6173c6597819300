"""The widget chats, rates and compares on a page of another origin, under a strict policy."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from tutelage.people import people
from tutelage.tables import Conversation, Feedback, FeedbackKind, Role

sync_api = pytest.importorskip("playwright.sync_api")
service_fixture = pytest.importorskip("service_fixture")
pytestmark = pytest.mark.browser
Page = sync_api.Page
expect = sync_api.expect
EXAMPLE = Path(__file__).parents[2] / "deploy" / "widget" / "example.html"
PHONE = {"width": 390, "height": 800}


class QuietPages(SimpleHTTPRequestHandler):
    """Files of a folder."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(service: service_fixture.RunningService, tmp_path: Path) -> Iterator[str]:
    """The example page with a key of its own, on another port; its address."""
    handler = partial(QuietPages, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    address = f"http://127.0.0.1:{server.server_port}"
    with service.core.store.write() as session:
        boss = people.create_user(session, "Boss", Role.OPERATOR)
        _, operator = people.create_key(session, boss, "test")
    asked = {"name": "Shop", "site": {"origins": [address]}, "training": True}
    headers = {"authorization": f"Bearer {operator}"}
    made = httpx.post(f"{service.address}/v1/operator/site-keys", json=asked, headers=headers)
    secret = made.json()["secret"]
    page = EXAMPLE.read_text("utf-8").replace("https://chat.example.org", service.address)
    (tmp_path / "index.html").write_text(page.replace("tk-SITE-KEY", secret))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield address
    server.shutdown()
    server.server_close()


def test_a_visitor_of_another_site_chats_and_judges(
    site: str, service: service_fixture.RunningService, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{site}/index.html", consent=None, watched=False)
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    launcher = page.get_by_role("button", name="Ask the assistant")
    launcher.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("textbox", name="Your message")
    expect(box).to_be_focused()
    page.get_by_label("This chat may be used to improve the assistant.").check()
    box.fill("<img src=x onerror=alert(1)> Hello")
    box.press("Enter")
    expect(page.get_by_text("<img src=x onerror=alert(1)> Hello").first).to_be_visible()
    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")

    page.get_by_label("Compare two answers").check()
    box.fill("And once more")
    box.press("Enter")
    page.get_by_role("button", name="B is better").click()
    expect(page.get_by_role("button", name="B is better")).to_have_attribute("aria-pressed", "true")

    page.reload()
    launcher.click()
    expect(page.get_by_text("And once more").first).to_be_visible()
    page.set_viewport_size(PHONE)
    panel = page.get_by_role("dialog", name="Ask the assistant")
    assert panel.bounding_box() == {"x": 0, "y": 0, **PHONE}
    page.keyboard.press("Escape")
    expect(launcher).to_be_focused()

    with service.core.store.read() as session:
        rows = list(session.exec(select(Feedback).order_by(Feedback.seq)))
        chat = session.get_one(Conversation, rows[0].conversation_id)
    assert [row.kind for row in rows] == [FeedbackKind.THUMBS, FeedbackKind.RANKING]
    assert {row.conversation_id for row in rows} == {chat.id} and chat.training
    assert problems == []


def test_the_widget_is_accessible_in_both_themes(
    site: str, open_page: Callable[..., Page], axe: str
) -> None:
    for scheme in ("light", "dark"):
        page = open_page(
            f"{site}/index.html", consent=None, watched=False, bypass_csp=True, color_scheme=scheme
        )
        page.get_by_role("button", name="Ask the assistant").click()
        page.add_script_tag(content=axe)
        found = page.evaluate("axe.run().then(({violations}) => violations.map(each => each.id))")
        assert found == [], scheme
