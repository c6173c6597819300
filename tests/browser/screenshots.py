"""Takes the screenshots of the documentation: ``python tests/browser/screenshots.py DIR``.

The pages are the real ones; answers, policies and iterations are those of ``scene``.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from said import ask, compare, put
from scene import SPEED, TEA, VACCINES, Scene, add_iterations, running
from sqlmodel import select

from server.ui import STATIC
from tutelage import conversations
from tutelage.tables import User

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 820}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 780}, "device_scale_factor": 2,
    "has_touch": True, "is_mobile": True,
}  # fmt: skip
DAY = 86_400
EARLIER = {
    "An email that moves a meeting": 0.02,
    "Dinners for a busy week": 0.1,
    "Guitar or piano first?": 1.1,
    "Names for a small bakery": 1.4,
    "Why leaves turn red": 4,
    "A toast for my sister's wedding": 6,
}
SETTLED_MS = 700  # animations and colours of code


def new_page(scene: Scene, browser: Browser, **options: Any) -> Page:
    """The chat as a person sees it who has been here before."""
    page = browser.new_context(base_url=scene.address, **options).new_page()
    page.goto("/")
    page.get_by_role("button", name="Yes, they may").click()
    page.get_by_text("May your conversations teach").wait_for(state="detached")
    add_earlier(scene)
    page.reload()
    return page


def add_earlier(scene: Scene) -> None:
    """Conversations of the newest guest, some days old."""
    with scene.core.store.write() as session:
        guest = list(session.exec(select(User).order_by(User.id)))[-1]
        for title, days in EARLIER.items():
            conversation = conversations.start(session, guest.id, True, title)
            conversation.updated_at = time.time() - days * DAY


def keep(page: Page, folder: Path, name: str) -> None:
    """Write one picture."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=folder / f"{name}.png")


def chat(scene: Scene, browser: Browser, folder: Path) -> None:
    for scheme in ("light", "dark"):
        page = new_page(scene, browser, color_scheme=scheme, **DESK)
        ask(page, SPEED)
        page.get_by_role("button", name="Good answer").click()
        page.get_by_role("button", name="Skip").click()
        keep(page, folder, f"chat-{scheme}")


def comparison(scene: Scene, browser: Browser, folder: Path) -> None:
    page = new_page(scene, browser, **DESK)
    compare(page, VACCINES, 3)
    put(page, "A", 2)
    put(page, "B", 1)
    keep(page, folder, "compare")


def phone(scene: Scene, browser: Browser, folder: Path) -> None:
    page = new_page(scene, browser, **PHONE)
    ask(page, VACCINES)
    ask(page, TEA)
    keep(page, folder, "mobile")


def operator(scene: Scene, browser: Browser, folder: Path) -> None:
    add_iterations(scene.core)
    page = browser.new_context(base_url=scene.address, **DESK).new_page()
    page.goto(scene.sign_in_link())
    page.get_by_role("link", name="iteration-0004").click()
    page.get_by_role("figure").first.wait_for()
    keep(page, folder, "operator-iterations")
    page.goto("/operator/policies")
    page.get_by_role("link", name="policy-0002", exact=True).wait_for()
    keep(page, folder, "operator-policies")


def main(folder: Path, chromium: str = "/usr/bin/chromium") -> None:
    """Take all pictures."""
    if not (STATIC / "index.html").is_file():
        sys.exit("The web UI is not built: run `python frontend/build.py` first.")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        running(Path(data) / "data") as scene,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for take in (chat, comparison, phone, operator):
            take(scene, browser, folder)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
