"""A person with three hundred conversations, one of five hundred turns, and a very long draft."""

import statistics

import pytest
from actions import answered, write
from playwright.sync_api import expect
from sqlmodel import select

from tutelage.chat import conversations
from tutelage.tables import User

pytestmark = pytest.mark.browser

TYPE = """box => {
    const times = []
    for (let n = 0; n < 20; n++) {
        const begun = performance.now()
        document.execCommand("insertText", false, "x")
        document.body.offsetHeight
        times.push(performance.now() - begun)
    }
    return times
}"""
MAX_MS = 50


def newest_person(session):
    return list(session.exec(select(User).order_by(User.seq)))[-1]


@pytest.fixture
def crowded(open_page, service):
    """A page of somebody with a conversation of 500 turns."""
    page = open_page()
    with service.core.store.write() as session:
        long = conversations.start(session, newest_person(session).id, True, "The long one")
        parent = None
        for number in range(500):
            prompt = conversations.append(session, long, parent, "user", f"{number}?")
            text = f"**{number}**\n\n- one\n\n```python\nprint({number})\n```"
            parent = conversations.append(session, long, prompt.id, "assistant", text).id
    page.goto(f"/c/{long.id}")
    expect(page.get_by_label("Answer", exact=True)).to_have_count(500)
    return page


def typing_ms(page):
    box = page.get_by_label("Message", exact=True)
    box.focus()
    return statistics.median(box.evaluate(TYPE))


def test_typing_stays_quick(crowded):
    assert typing_ms(crowded) < MAX_MS
    crowded.get_by_label("Message", exact=True).fill("word " * 6200)
    long_draft = typing_ms(crowded)
    print(f"typing after 31,000 characters: {long_draft:.1f} ms")
    assert long_draft < MAX_MS
    crowded.get_by_label("Message", exact=True).fill("")
    write(crowded, "One more")
    expect(answered(crowded)).to_contain_text("One more")


def test_all_conversations_are_reached_by_scrolling(open_page, service):
    page = open_page()
    with service.core.store.write() as session:
        guest = newest_person(session)
        for number in range(300):
            conversations.start(session, guest.id, True, f"Conversation {number}")
    page.reload()
    rows = page.get_by_role("navigation", name="Conversations").get_by_role("listitem")
    for shown in range(40, 301, 40):
        expect(rows).to_have_count(shown)
        rows.last.scroll_into_view_if_needed()
    expect(rows).to_have_count(300)
