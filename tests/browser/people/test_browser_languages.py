"""Right-to-left text, line breaks, translated pages, and text meant to break the page."""

import re

import pytest
from actions import answered, ask, option, write
from playwright.sync_api import expect
from service_fixture import STORY, TEA

pytestmark = pytest.mark.browser

ARABIC = "مرحبا، اكتب قائمة من نقطتين.\n\n- واحد\n- اثنان\n\n`code`"
TRANSLATE = """() => setInterval(() => {
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT)
    const texts = []
    while (walker.nextNode()) texts.push(walker.currentNode)
    for (const text of texts) {
        if (!text.data.trim() || text.parentNode.tagName === "FONT") continue
        const font = document.createElement("font")
        text.replaceWith(font)
        font.append(text)
    }
}, 5)"""


def test_right_to_left_text_is_laid_out_from_the_right(open_page):
    page = open_page()
    answer = ask(page, ARABIC)
    direction = "block => getComputedStyle(block).direction"
    assert (
        page.get_by_label("Your message", exact=True).locator("[dir]").evaluate(direction) == "rtl"
    )
    marks = answer.get_by_role("list")
    assert marks.evaluate(direction) == "rtl"
    assert marks.evaluate("list => getComputedStyle(list).paddingRight") != "0px"
    assert answer.locator("code").evaluate(direction) == "ltr"
    box = page.get_by_label("Message", exact=True)
    box.fill("שלום")
    assert box.evaluate(direction) == "rtl"


def test_a_title_keeps_its_direction_to_itself(open_page):
    page = open_page()
    ask(page, "A title")
    option(page, "A title", "Rename")
    page.get_by_label("Title").fill("שלום 123")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="שלום 123").locator("bdi")).to_be_visible()
    expect(page.get_by_role("heading", level=1).locator("bdi")).to_have_text("שלום 123")


def test_line_breaks_are_seen_and_are_not_in_the_text(open_page):
    page = open_page()
    answer = ask(page, "Roses are red\nViolets are blue\n\n| a |\n|---|\n| b<br>c |")
    expect(answer.locator("br")).to_have_count(2)
    expect(answer.get_by_role("cell")).to_have_text("b\nc", use_inner_text=True)
    conversation = page.url.rsplit("/", 1)[1]
    stored = page.request.get(f"/v1/conversations/{conversation}").json()["messages"]
    assert "b<br>c" in stored[-1]["content"]


def test_a_translated_page_stays_alive_while_an_answer_streams(open_page):
    page = open_page()
    page.evaluate(TRANSLATE)
    write(page, STORY)
    expect(page.get_by_text("chapter 9.")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(answered(page)).to_contain_text("Stopped.")
    ask(page, "And then?")
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()


def test_a_streaming_answer_asks_not_to_be_translated(open_page):
    page = open_page()
    write(page, STORY)
    expect(page.locator(".prose")).to_have_attribute("translate", "no")
    page.keyboard.press("Escape")
    answered(page)
    expect(page.locator(".prose")).to_have_attribute("translate", "yes")


@pytest.mark.parametrize(
    "bomb", [">" * 5000, "*_" * 8000, "- " * 200], ids=["quotes", "emphasis", "lists"]
)
def test_a_markdown_bomb_is_shown_as_text(open_page, bomb):
    page = open_page()
    answer = ask(page, f"{bomb} the end")
    expect(answer).to_contain_text("the end", timeout=20_000)
    expect(answer.locator("blockquote, li, em")).to_have_count(0)


SCRIPTS = [
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](http://127.0.0.1:9/?q=secret)",
    "<svg/onload=alert(1)>",
    "[x](data:text/html,<script>alert(1)</script>)",
    r"$$\href{javascript:alert(1)}{x}$$",
]


def test_script_in_a_message_is_text_and_nothing_is_fetched(open_page):
    page = open_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    answer = ask(page, "\n\n".join(SCRIPTS))
    expect(answer.locator("img, svg[onload], script")).to_have_count(0)
    links = answer.get_by_role("link").evaluate_all("all => all.map(each => each.href)")
    assert not [each for each in links if each.startswith(("javascript:", "data:"))]
    assert not [each for each in asked if "127.0.0.1:9/" in each]


LONG = "x" * 5000
WIDE = "|" + " a |" * 40 + "\n|" + "---|" * 40 + "\n|" + " b |" * 40
CODE = "```\n" + "y" * 10_000 + "\n```"


def test_at_320_pixels_the_page_never_scrolls_sideways(open_page, operator, service):
    page = open_page(viewport={"width": 320, "height": 640})
    ask(page, f"{LONG}\n\n{WIDE}\n\n{CODE}")
    sideways = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(sideways)
    frame = page.get_by_label("Answer", exact=True).evaluate(
        "each => each.closest('.overflow-y-auto').scrollWidth"
    )
    assert frame <= 320
    page.get_by_role("button", name="Open conversation list").click()
    drawer = page.get_by_role("dialog")
    assert drawer.evaluate("each => each.scrollWidth <= each.clientWidth")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Share or export").click()
    page.get_by_role("menuitem", name="Share by link").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Create link").click()
    page.goto(dialog.get_by_role("link").get_attribute("href"))
    expect(page.get_by_label("Prompt")).to_be_visible()
    assert not page.evaluate(sideways)


LATIN_WORDS = """() => {
    const PEOPLES = "script, noscript, bdi, [dir=auto], [lang='']";
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walk.nextNode()) {
        const { data, parentElement } = walk.currentNode;
        if (/[A-Za-z]{3}/.test(data) && !parentElement.closest(PEOPLES)) found.push(data);
    }
    return found;
}"""


def test_the_chat_in_arabic_is_translated_and_runs_from_right_to_left(open_page, axe):
    page = open_page(consent=None, locale="ar", bypass_csp=True)
    page.get_by_role("button", name="السماح بالتدريب").click()
    box = page.get_by_label("الرسالة", exact=True)
    box.fill(TEA)
    box.press("Control+Enter")
    page.get_by_role("button", name="إجابة جيدة").click()
    page.get_by_role("button", name="تخطّي").click()
    expect(page.get_by_role("button", name="إجابة جيدة")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("[document.documentElement.dir, document.documentElement.lang]") == [
        "rtl",
        "ar",
    ]
    middle = page.viewport_size["width"] / 2
    assert page.get_by_role("button", name="محادثة جديدة").bounding_box()["x"] > middle
    names = re.compile(f"Tutelage|Guest|{re.escape(TEA)}|policy-")
    shown = [names.sub("", text) for text in page.evaluate(LATIN_WORDS)]
    assert [text for text in shown if re.search("[A-Za-z]{3}", text)] == []
    page.evaluate(axe)
    assert page.evaluate("axe.run(document)")["violations"] == []


def test_the_account_in_german_and_the_choice_of_another_language(open_page):
    page = open_page("/sign-in", consent=None, locale="de-AT")
    page.get_by_label("Sprache").wait_for()
    page.goto("/account/profile")
    page.get_by_role("heading", name="Nutzung heute").wait_for()
    page.get_by_label("Sprache").select_option("en")
    page.get_by_role("heading", name="Usage today").wait_for()
    page.reload()
    expect(page.get_by_label("Language")).to_have_value("en")
