"""What people do, by the names that a screen reader would read out."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from service_fixture import VACCINES


def write(page: Page, text: str) -> None:
    """Type a message and send it."""
    box = page.get_by_label("Message", exact=True)
    box.fill(text)
    box.press("Control+Enter")  # also where Enter breaks the line


def ask(page: Page, text: str) -> Locator:
    """Send a message and wait for the whole answer; the answer."""
    write(page, text)
    page.get_by_label("Your message", exact=True).filter(has_text=text).last.wait_for()
    return answered(page)


def answered(page: Page) -> Locator:
    """The last answer, once it is complete."""
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    answer = page.get_by_label("Answer", exact=True).last
    expect(answer).to_have_attribute("aria-busy", "false")
    return answer


def compare(page: Page, text: str, answers: int) -> None:
    """Ask for several answers side by side, and wait until they can be ranked."""
    page.get_by_role("button", name="Single answer").click()
    page.get_by_role("menuitemradio", name=f"Compare {answers}").click()
    page.keyboard.press("Escape")
    write(page, text)
    page.get_by_role("button", name="Send ranking").wait_for()


def put(page: Page, letter: str, place: int) -> None:
    """Give an answer its rank by a click."""
    places = page.get_by_role("group", name=f"Rank of answer {letter}")
    places.get_by_role("button", name=f"Rank {place}").click()


def option(page: Page, title: str, name: str) -> None:
    """Choose from a conversation's menu."""
    row = page.get_by_role("listitem").filter(has_text=title)
    row.hover()
    row.get_by_role("button", name="Options for").click()
    page.get_by_role("menuitem", name=name).click()


def in_conversation(page: Page) -> str:
    """The id of the conversation in view, once it has one."""
    page.wait_for_url(re.compile("/c/conv_"))
    return page.url.rsplit("/", 1)[1]


def judge_blind(page: Page, looked: Callable[[], None] = lambda: None) -> None:
    """Compare two policies on one prompt and prefer the first answer; ends at the result."""
    page.get_by_label("Prompts, one per line").fill(VACCINES)
    page.get_by_role("button", name="Generate answers").click()
    page.get_by_role("button", name="A is better").wait_for()
    looked()
    page.get_by_role("button", name="A is better").click()
    page.get_by_text("1 prompt rated blind").wait_for()


PAIRS = [{"prompt": f"Question {n}?", "chosen": "Yes, it is.", "rejected": "No."} for n in range(6)]
FLAWED = [
    {"prompt": "Hi", "chosen": "Hello.", "rejected": "Hello."},
    {"prompt": "And a lewdword?", "chosen": "Rather not.", "rejected": "Sure."},
]


def choose_dataset(page: Page, file: Path) -> None:
    """Write a file of eight rows, one useless and one flagged, and choose it for import."""
    file.write_text("\n".join(map(json.dumps, [*PAIRS, *FLAWED])))
    page.get_by_role("button", name="Import a file").click()
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("dialog").get_by_text("8 rows in trl format").wait_for()
