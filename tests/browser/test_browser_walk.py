"""A walk over every page: no fault that axe-core can see, none wider than its screen, all listed.

``pytest tests/browser/test_browser_walk.py --screenshots docs/screenshots`` also takes the
pictures of the documentation.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from actions import ask, choose_dataset, judge_blind, write
from busy_service import PASSWORD, add_earlier, fill_pages
from playwright.sync_api import Page
from service_fixture import SPEED, TEA, VACCINES, RunningService
from test_browser_accessible import violations

from tutelage.tables import Role

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]  # every page, one after the other

DESK = {"width": 1280, "height": 820}
PHONE = {"width": 390, "height": 780}
SCHEMES = ("light", "dark")
OPERATOR = {
    "iterations": "iterations",
    "iteration": "iterations/iteration-0004",
    "iteration-refused": "iterations/iteration-0002",
    "traffic": "traffic",
    "answers": "traffic/answers",
    "policies": "policies",
    "policy": "policies/policy-0003",
    "trials": "trials",
    "feedback": "feedback",
    "judgements": "feedback/judgements",
    "moderation-appeals": "moderation?view=appeals",
    "moderation-rules": "moderation?view=rules",
    "moderation-measured": "moderation?view=measured",
    "moderation-learning": "moderation?view=learning",
    "moderation-verdicts": "moderation?view=verdicts",
    "labeling": "labeling",
    "datasets": "labeling/datasets",
    "blind-tests": "policies/compare",
    "people": "people",
    "sites": "people/sites",
    "teams": "people/teams",
    "audit": "audit",
    "settings": "settings",
}
LABELER = {"rank": "rank", "demonstrate": "demonstrate", "instructions": "instructions",
           "mine": "mine"}  # fmt: skip
ACCOUNT = {"profile": "profile", "keys": "keys", "feedback": "feedback", "inbox": "inbox",
           "data": "data"}  # fmt: skip
ANYBODY = {"sign-in": "sign-in", "sign-up": "sign-up", "not-found": "nowhere/at/all"}
MAIN = {
    "operator-iteration",
    "operator-traffic",
    "operator-policies",
    "operator-labeling",
    "labeler-rank",
    "labeler-demonstrate",
    "account-feedback",
    "operator-trials",
}


Look = Callable[..., None]
HIDE = """folder => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        text.data = text.data.replaceAll(folder, "data");
    }
}"""  # where a test keeps its data is nothing to see


@pytest.fixture(scope="module")
def busy_service(trained_service: RunningService) -> RunningService:
    """The service after a busy day, so that no page is empty."""
    fill_pages(trained_service)
    return trained_service


@pytest.fixture
def look(service: RunningService, axe: str, pytestconfig: pytest.Config) -> Look:
    """Looks at the page that is open; with ``--screenshots`` its picture is kept."""
    folder: str | None = pytestconfig.getoption("--screenshots")

    def inspect(page: Page, name: str, kept: bool = True) -> None:
        page.locator("h1, h2, textarea").locator("visible=true").first.wait_for()
        faults = violations(page, axe)
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if folder and kept:
            page.evaluate(HIDE, str(service.core.settings.data))
            keep(page, Path(folder) / f"{name}.png")
        assert (faults, max(0, wider)) == ([], 0), name

    return inspect


def keep(page: Page, path: Path) -> None:
    """One picture, in few colours: the documentation carries them all."""
    import io

    from PIL import Image

    page.mouse.move(0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(128).save(path, optimize=True)


def walk(page: Page, look: Look, who: str, pages: dict[str, str]) -> None:
    """Every page in light on a desk, and in dark on a phone; of that the main ones' pictures."""
    for name, path in pages.items():
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        page.goto(f"/{path}")
        page.wait_for_load_state("networkidle")
        look(page, f"{who}-{name}")
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        look(page, f"{who}-{name}-phone", f"{who}-{name}" in MAIN)


def tabs(page: Page, name: str) -> set[str]:
    """The addresses of a frame's tabs."""
    links = page.get_by_role("navigation", name=f"{name} pages").get_by_role("link")
    return {link.get_attribute("href").rsplit("/", 1)[1] for link in links.all()}


def test_the_operators_pages(busy_service, operator, look):
    page = operator(bypass_csp=True)
    walk(page, look, "operator", {name: f"operator/{path}" for name, path in OPERATOR.items()})
    assert tabs(page, "Operator") <= {path.split("?")[0] for path in OPERATOR.values()}


def test_the_labelers_pages(busy_service, open_page, look):
    page = open_page(
        busy_service.sign_in_link(Role.LABELER, "Grace"), consent=None, bypass_csp=True
    )
    page.wait_for_url(lambda address: "sign-in" not in address)
    walk(page, look, "labeler", {name: f"label/{path}" for name, path in LABELER.items()})
    assert tabs(page, "Labeling") <= set(LABELER.values())


def test_ones_own_pages(busy_service, open_page, look):
    page = open_page("/sign-in", consent=None, bypass_csp=True)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Allow training").click()
    ask(page, TEA)
    page.get_by_role("button", name="Good answer").click()
    page.get_by_role("button", name="Skip").click()
    walk(page, look, "account", {name: f"account/{path}" for name, path in ACCOUNT.items()})
    assert tabs(page, "Account") <= set(ACCOUNT.values())


def test_the_pages_of_anybody(busy_service, open_page, look):
    page = open_page(consent=None, watched=False, bypass_csp=True)  # one is not found
    walk(page, look, "anybody", ANYBODY)


def test_a_blind_comparison(busy_service, operator, look):
    page = operator("/operator/policies/compare", bypass_csp=True, viewport=DESK)
    judge_blind(page, lambda: look(page, "operator-blind-test"))
    look(page, "operator-blind-result")
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    look(page, "operator-blind-result-phone", kept=False)


def test_a_data_set_that_is_checked(busy_service, operator, look, tmp_path):
    page = operator("/operator/labeling/datasets", bypass_csp=True, viewport=DESK)
    choose_dataset(page, tmp_path / "pairs.jsonl")
    look(page, "operator-dataset-check")


def test_a_gold_task_that_is_written(busy_service, operator, look):
    page = operator("/operator/labeling", bypass_csp=True, viewport=DESK)
    page.get_by_role("button", name="Create a gold task").click()
    page.get_by_role("dialog").wait_for()
    look(page, "operator-gold")


def test_a_shared_conversation(busy_service, open_page, look):
    page = open_page(bypass_csp=True, viewport=DESK)
    ask(page, SPEED)
    page.get_by_role("button", name="Share or export").click()
    page.get_by_role("menuitem", name="Share by link").click()
    page.get_by_role("button", name="Create link").click()
    link = page.get_by_role("dialog").get_by_role("link").first
    address = link.get_attribute("href")
    look(page, "chat-share")
    reader = open_page(address, consent=None, bypass_csp=True, viewport=DESK)
    reader.get_by_text("Move the work out of the loop").wait_for()
    look(reader, "anybody-shared")
    reader.set_viewport_size(PHONE)
    reader.emulate_media(color_scheme="dark")
    look(reader, "anybody-shared-phone", kept=False)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_chat(busy_service, open_page, look, scheme):
    page = open_page(bypass_csp=True, color_scheme=scheme, viewport=DESK)
    add_earlier(busy_service)
    page.reload()
    look(page, f"chat-new-{scheme}")
    ask(page, SPEED)
    look(page, f"chat-{scheme}")
    write(page, "A threatword for you")
    page.get_by_text("I can't answer this message").wait_for()
    look(page, f"chat-notice-{scheme}")


@pytest.mark.parametrize("answers", [3, 9])
def test_answers_side_by_side(busy_service, open_page, look, answers):
    from actions import compare, put

    page = open_page(bypass_csp=True, viewport=DESK)
    compare(page, VACCINES, answers)
    put(page, "A", 2)
    look(page, f"compare-{answers}")
    page.set_viewport_size(PHONE)
    look(page, f"compare-{answers}-phone")
