"""The chat in Firefox and WebKit: ask, edit, rate, rank, right-to-left text, input methods.

    pytest tests/browser/engines --engines

Needs Debian's firefox-esr, or webkit2gtk-driver and xvfb. Not in the usual run: it takes minutes.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import service_fixture
from drivers import ENTER, Engine, available, firefox, press, wait, webkit
from service_fixture import TEA, VACCINES, RunningService

from server.web.ui import STATIC

pytestmark = pytest.mark.browser
ARABIC = "مرحبا، اكتب قائمة من نقطتين."
BOX = "document.querySelector('textarea[aria-label=Message]')"
ANSWERS = "[...document.querySelectorAll('[aria-label=Answer]')]"
DONE = f"{ANSWERS}.length && {ANSWERS}.every(each => each.ariaBusy !== 'true')"
CONFIRM = """new KeyboardEvent("keydown",
    {key: "Enter", keyCode: 229, isComposing: false, bubbles: true, cancelable: true})"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running service."""
    with service_fixture.running(tmp_path_factory.mktemp("engines") / "data") as running:
        yield running


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """A window of each engine that is installed."""
    if not request.config.getoption("--engines"):
        pytest.skip("asked for by --engines")
    if not available(request.param) or not (STATIC / "index.html").is_file():
        pytest.skip(f"no {request.param} here, or the web UI is not built")
    folder: Path = tmp_path_factory.mktemp(request.param)
    with firefox(folder) if request.param == "firefox" else webkit() as engine:
        yield engine


@pytest.fixture
def signed_in(engine: Engine, service: RunningService) -> Engine:
    """A new chat of somebody who is signed in and has answered the question of consent."""
    engine.open(service.address + service.sign_in_link())
    wait(engine, "location.pathname === '/operator/iterations'")
    engine.open(f"{service.address}/")
    wait(engine, BOX)
    if engine.run("document.body.innerText.includes('Help improve')"):
        click(engine, "Allow training")
    return engine


def click(engine: Engine, name: str, number: int = 0) -> None:
    """Click a button by its name."""
    button = (
        "[...document.querySelectorAll('button, [role=menuitemradio]')].filter(each => "
        f"(each.ariaLabel || each.innerText).trim().startsWith({json.dumps(name)}))[{number}]"
    )
    wait(engine, f"{button} && !{button}.disabled")
    x, y = engine.run(
        f"(button => (button.scrollIntoView({{block: 'center'}}), button = "
        f"button.getBoundingClientRect(), [button.x + button.width / 2, button.y + "
        f"button.height / 2].map(Math.round)))({button})"
    )
    steps = [{"type": "pointerMove", "x": x, "y": y}]
    steps += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
    engine.act([{"type": "pointer", "id": "mouse", "actions": steps}])


def ask(engine: Engine, text: str) -> str:
    """Type a message and send it by the keyboard; the answer."""
    engine.run(f"({BOX}.focus(), 0)")
    press(engine, text)
    press(engine, ENTER)
    wait(engine, f"{BOX}.value === '' && {DONE}")
    answer: str = engine.run(f"{ANSWERS}.at(-1).innerText")
    return answer


def test_a_question_is_typed_answered_rated_and_edited(signed_in: Engine) -> None:
    assert "minutes" in ask(signed_in, TEA)
    click(signed_in, "Good answer")
    wait(signed_in, "document.querySelector('[aria-label=\"Good answer\"]').ariaPressed === 'true'")
    press(signed_in, "\ue00c")
    click(signed_in, "Edit and ask again")
    box = "document.querySelector('textarea[aria-label=\"Edit your message\"]')"
    wait(signed_in, box)
    signed_in.run(f"({box}.focus(), {box}.select(), 0)")
    press(signed_in, "And black tea?")
    press(signed_in, ENTER)
    wait(signed_in, f"{ANSWERS}.at(-1).innerText.includes('black tea') && {DONE}")


def test_answers_are_ranked_by_keyboard(signed_in: Engine) -> None:
    click(signed_in, "Single answer")
    click(signed_in, "Compare 3")
    press(signed_in, "\ue00c")
    signed_in.run(f"({BOX}.focus(), 0)")
    press(signed_in, VACCINES)
    press(signed_in, ENTER)
    wait(signed_in, "document.body.innerText.includes('Send ranking')")
    for letter, place in (("A", "2"), ("B", "1"), ("C", "3")):
        item = f"document.querySelector('li[aria-label^=\"Answer {letter}\"]')"
        wait(signed_in, item)
        signed_in.run(f"({item}.focus(), 0)")
        press(signed_in, place)
        wait(signed_in, f"{item}.ariaLabel.includes('rank {place}')")
    click(signed_in, "Send ranking")
    wait(signed_in, "document.body.innerText.includes('Ranking saved.')")


def test_arabic_is_set_from_right_to_left(signed_in: Engine) -> None:
    ask(signed_in, ARABIC)
    message = "document.querySelector('[aria-label=\"Your message\"]')"
    leaf = f"[...{message}.querySelectorAll('[dir=auto]'), {message}].find(each => each.dir)"
    assert signed_in.run(f"getComputedStyle({leaf}).direction") == "rtl"
    assert signed_in.run(f"{BOX}.dir") == "auto"


def test_the_enter_that_confirms_a_word_sends_nothing(signed_in: Engine) -> None:
    signed_in.run(f"({BOX}.focus(), 0)")
    press(signed_in, "konnichiwa")
    signed_in.run(f"{BOX}.dispatchEvent({CONFIRM})")
    assert signed_in.run(f"{BOX}.value") == "konnichiwa"
    press(signed_in, ENTER)
    wait(signed_in, f"{BOX}.value === '' && {DONE}")


def test_every_page_of_an_operator_opens(signed_in: Engine, service: RunningService) -> None:
    signed_in.open(f"{service.address}/operator/iterations")
    wait(signed_in, "document.querySelectorAll('nav a').length > 5")
    pages = signed_in.run("[...document.querySelectorAll('nav a')].map(each => each.pathname)")
    for page in sorted({each for each in pages if each.startswith("/operator/")}):
        signed_in.open(service.address + page)
        wait(signed_in, "document.querySelector('main h1, h1')")
        assert "Something went wrong" not in signed_in.run("document.body.innerText")
        assert signed_in.run("document.documentElement.scrollWidth <= innerWidth")
