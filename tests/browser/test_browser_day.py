"""A whole day in the browser: people chat and judge, labelers work, an iteration learns from it,
the operator lets it answer, and one of the people leaves with everything that is theirs."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import service_fixture
from actions import ask, compare, judge_blind, put, write
from playwright.sync_api import Page, expect
from service_fixture import TEA, VACCINES

from moderation.classifier import KeywordClassifier
from training.iteration.run import run_iteration
from training.jobs.maintenance import Maintenance
from training.jobs.runners.runner import InlineRunner
from training.jobs.worker import Worker
from training.model.tiny import write_tiny_policy
from tutelage.chat import conversations
from tutelage.composition import Core
from tutelage.feedback import feedback
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.tables import FeedbackKind

pytestmark = [pytest.mark.browser, pytest.mark.loop]

Operator = Callable[..., Page]
PASSWORD = "a sentence is easy to remember"


def furnish(core: Core) -> None:
    """A tiny policy answers, and others have judged enough for an iteration."""
    core.library.publish("policy-0000", write_tiny_policy, {})
    with core.store.write() as session:
        deployment.register(session, "policy-0000", core.library.manifest_sha256("policy-0000"))
        deployment.promote(session, "policy-0000", "system")
        ada = people.create_user(session, "ada")
        for number in range(8):
            chat = conversations.start(session, ada.id, training=True)
            prompt = conversations.append(session, chat, None, "user", f"Question {number}?")
            answers = [
                conversations.append(session, chat, prompt.id, "assistant", text)
                for text in ("Yes.", "No, no.", "Maybe so, maybe not.")
            ]
            order = {"ranking": [[answer.id] for answer in answers]}
            feedback.record(session, ada.id, FeedbackKind.RANKING, answers, order, prompt.id)


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, chromium: str
) -> Iterator[service_fixture.RunningService]:
    """The service with a real policy directory, and a worker that runs iterations here."""
    with service_fixture.running(
        tmp_path_factory.mktemp("day") / "data", furnish=furnish
    ) as running:
        core, classifier = running.core, KeywordClassifier(service_fixture.WORDS)
        runner = InlineRunner(lambda iteration: run_iteration(core, iteration, classifier))
        worker = Worker(core.store, runner, poll=0.2, maintenance=Maintenance(core))
        thread = threading.Thread(target=worker.work, daemon=True)
        thread.start()
        yield running
        worker.stop()
        thread.join(timeout=60)


def test_a_day(
    service: service_fixture.RunningService, open_page: Callable[..., Page], operator: Operator
) -> None:
    person = a_person_signs_up(open_page)
    the_person_chats_and_judges(person)
    desk = operator("/operator/people")
    labelers = [an_invited_labeler(desk, open_page, name) for name in ("Lena", "Luis")]
    the_operator_makes_tasks(desk)
    for labeler, worst in zip(labelers, ("Vaccines contain", "Good question"), strict=True):
        a_labeler_ranks(labeler, worst)
        a_labeler_demonstrates(labeler)
    the_operator_sees_agreement(desk)
    the_operator_starts_an_iteration(desk)
    the_operator_compares_and_promotes(desk)
    the_appeal_is_decided(desk)
    the_person_sees_what_changed(person)
    the_person_leaves(person)
    the_operator_sees_affected_policies(desk)


def a_person_signs_up(open_page: Callable[..., Page]) -> Page:
    page = open_page()
    page.goto("/sign-up")
    page.get_by_label("Name").fill("pia")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Message", exact=True).wait_for()
    return page


def the_person_chats_and_judges(page: Page) -> None:
    ask(page, TEA)
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="Too short").click()
    page.get_by_role("dialog").get_by_role("button", name="Send").click()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Report this answer").click()
    page.get_by_role("button", name="Private data").click()
    page.get_by_role("button", name="Send report").click()
    page.get_by_text("You reported this answer").wait_for()
    page.get_by_role("button", name="New chat").first.click()
    compare(page, VACCINES, 3)
    for letter, place in zip("ABC", (2, 1, 3), strict=True):
        put(page, letter, place)
    page.get_by_role("button", name="Send ranking").click()
    page.get_by_text("Ranking saved.").wait_for()
    page.get_by_role("button", name="New chat").first.click()
    write(page, "Review the film Threatword for me, please.")
    page.get_by_role("note").get_by_role("button", name="Why was this flagged?").click()
    page.get_by_label("Your appeal").fill("It is the title of a film.")
    page.get_by_role("button", name="Send appeal").click()
    page.get_by_text("waiting for review").wait_for()


def an_invited_labeler(desk: Page, open_page: Callable[..., Page], name: str) -> Page:
    desk.get_by_role("button", name="Invite").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Create link").click()
    link = dialog.get_by_test_id("link").inner_text()
    dialog.get_by_role("button", name="Done").click()
    page = open_page(link, consent=None)
    page.wait_for_url("**/label/**")
    return page


def the_operator_makes_tasks(desk: Page) -> None:
    desk.goto("/operator/labeling")
    make_tasks(desk, kind="Rankings", source="Chats available for training")
    make_tasks(desk, kind="Demonstrations", source="Prompt set")
    expect(desk.get_by_text("being prepared")).to_have_count(0)


def make_tasks(desk: Page, kind: str, source: str) -> None:
    desk.get_by_role("button", name="Create tasks").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_label("Kind").select_option(label=kind)
    dialog.get_by_label("Prompts from").select_option(label=source)
    dialog.get_by_label("Number of tasks").fill("3")
    dialog.get_by_role("button", name="Create tasks").click()
    dialog.wait_for(state="detached")


def a_labeler_ranks(page: Page, worst: str) -> None:
    """Ranks all that waits; the answers to the question about vaccines by the order known."""
    page.goto("/label/rank")
    while True:
        page.get_by_label("Answers").or_(
            page.get_by_text("No ranking tasks right now")
        ).first.wait_for()
        if page.get_by_text("No ranking tasks right now").is_visible():
            return
        rank_task(page, worst)


def rank_task(page: Page, worst: str) -> None:
    answers = page.get_by_label("Answers").get_by_role("listitem")
    texts = [answers.nth(n).inner_text() for n in range(answers.count())]
    order = sorted(range(len(texts)), key=lambda n: (worst in texts[n], texts[n]))
    for place, n in enumerate(order):
        answers.nth(n).press(str(place + 1))
        expect(answers.nth(n)).to_have_attribute("aria-label", re.compile(f"rank {place + 1}$"))
    page.get_by_role("button", name="Send ranking").click()
    expect(page.get_by_role("listitem", name=re.compile("rank 1$"))).to_have_count(0)


def a_labeler_demonstrates(page: Page) -> None:
    page.goto("/label/demonstrate")
    page.get_by_role("button", name="Suggest").click()
    box = page.get_by_label("The assistant's answer")
    expect(box).not_to_have_value("")
    box.fill("Here is what I would do.")
    page.get_by_role("button", name="Add assistant message").click()
    page.get_by_role("button", name="Send demonstration").click()
    page.get_by_text("Saved. Thank you.").wait_for()


def the_operator_sees_agreement(desk: Page) -> None:
    desk.reload()
    expect(desk.get_by_text("Pairwise agreement").locator("..")).to_contain_text("%")
    dispute = desk.get_by_role("listitem").filter(has_text="of pairs differ").first
    dispute.get_by_role("button", name="Use this as gold").first.click()
    row = desk.get_by_role("row").filter(has_text="Lena")
    expect(row).to_contain_text(re.compile(r"\d of [136]"))


def the_operator_starts_an_iteration(desk: Page) -> None:
    desk.goto("/operator/iterations")
    desk.get_by_role("button", name="Start an iteration").click()
    dialog = desk.get_by_role("dialog")
    dialog.get_by_role("radio", name="smoke").check()
    dialog.get_by_role("button", name="Start").click()
    expect(desk.get_by_text("Accepted").first).to_be_visible()


def the_operator_compares_and_promotes(desk: Page) -> None:
    desk.goto("/operator/iterations/iteration-0001")
    expect(desk.get_by_role("term").filter(has_text="Win rate")).to_be_visible()
    desk.goto("/operator/policies/compare")
    judge_blind(desk)
    desk.goto("/operator/policies/policy-0001")
    desk.get_by_role("button", name="Promote").click()
    desk.get_by_role("alertdialog").get_by_role("button", name="Promote").click()
    expect(desk.get_by_text("Current").first).to_be_visible()
    while desk.request.get("/readyz").json()["policy"] != "policy-0001":
        desk.wait_for_timeout(100)  # the service looks for a promoted policy every second


def the_appeal_is_decided(desk: Page) -> None:
    desk.goto("/operator/moderation?view=appeals")
    expect(desk.get_by_text("It is the title of a film.")).to_be_visible()
    desk.get_by_role("button", name="Overturn", exact=True).last.click()
    expect(desk.get_by_text("No pending appeals")).to_be_visible()


def the_person_sees_what_changed(page: Page) -> None:
    page.goto("/account/feedback")
    story = page.get_by_role("listitem").filter(has_text="Ranking").first
    expect(story).to_contain_text("policy-0001 (current)")
    story.get_by_role("button", name="Compare before and now").click()
    answers = story.get_by_label("New answers")
    answers.get_by_role("button", name="A is better").click()
    expect(answers).to_contain_text("policy-0001, now")


def the_person_leaves(page: Page) -> None:
    page.goto("/account/data")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download my data").click()
    taken: dict[str, Any] = json.loads(Path(waiting.value.path()).read_text())
    assert {row["kind"] for row in taken["feedback"]} == {"ranking", "report", "thumbs"}
    assert VACCINES in json.dumps(taken["conversations"])
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_label("to confirm").fill("pia")
    page.get_by_role("button", name="Delete permanently").click()
    page.get_by_role("heading", name="What would you like to know?").wait_for()


def the_operator_sees_affected_policies(desk: Page) -> None:
    desk.goto("/operator/people")
    row = desk.get_by_role("row").filter(has_text="User account")
    expect(row.get_by_role("link", name="policy-0001")).to_be_visible()
    expect(row.get_by_role("button", name="From policy-0000")).to_be_visible()
