"""The operator's trials: starting one, what is known of it, ending it, the schedule."""

import pytest
from playwright.sync_api import Page, expect

from tutelage.chat import conversations
from tutelage.experiments import experiments
from tutelage.feedback import feedback
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.tables import FeedbackKind, Message

pytestmark = pytest.mark.browser

OLD, NEW = "policy-0003", "policy-0001"


@pytest.fixture
def tried(trained_service, operator) -> Page:
    """The page while an older policy is on trial that people like less."""
    with trained_service.core.store.write() as session:
        if experiments.running(session) is None:
            experiments.start(session, NEW, "operator", share=0.25, automatic=False)
            for policy, liked in ((OLD, 32), (NEW, 14)):
                for number in range(40):
                    judge(session, policy, number, liked)
    return operator("/operator/trials")


def judge(session, policy: str, number: int, liked: int) -> None:
    """Somebody gives a thumb; every other one also ranks an answer of each policy."""
    user = people.create_user(session, f"{policy} {number}")
    conversation = conversations.start(session, user.id, True)
    prompt = conversations.append(session, conversation, None, "user", "Is it?")
    said = conversations.append(
        session, conversation, prompt.id, "assistant", "Yes, it is.", policy_id=policy,
        finish_reason="stop",
    )  # fmt: skip
    thumb = {"value": "up" if number < liked else "down"}
    feedback.record(session, user.id, FeedbackKind.THUMBS, [said], thumb, said.id)
    if policy == NEW and number % 2:
        other = Message(**said.model_dump(exclude={"id", "policy_id"}), policy_id=OLD)
        session.add(other)
        session.flush()
        best = [[said.id], [other.id]] if number % 8 == 1 else [[other.id], [said.id]]
        value = {"ranking": best}
        feedback.record(session, user.id, FeedbackKind.RANKING, [said, other], value, said.id)


def test_a_trial_shows_what_is_known_with_its_intervals(tried):
    expect(tried.get_by_text(f"vs. {OLD}")).to_be_visible()
    liked = tried.get_by_text("Thumbs-up rate").locator("..")
    expect(liked).to_contain_text("−45 (")
    expect(liked).to_contain_text("40 users")
    expect(tried.get_by_text("Manual")).to_be_visible()


def test_the_leaderboard_ranks_policies_by_duels(tried):
    board = tried.get_by_role("listitem").filter(has_text="comparisons")
    expect(board.first).to_contain_text(OLD)


def test_rolling_back_asks_first_and_ends_it(tried, trained_service):
    tried.get_by_role("button", name="Roll back").click()
    expect(tried.get_by_role("alertdialog")).to_contain_text("from the next turn on")
    tried.get_by_role("alertdialog").get_by_role("button", name="Roll back").click()
    expect(tried.get_by_text("No experiment is running.")).to_be_visible()
    with trained_service.core.store.read() as session:
        assert experiments.listed(session)[0].state == "rolled_back"
        current = deployment.current(session)
        assert current is not None and current.id == OLD


def test_a_schedule_is_set_and_switched_off(trained_service, operator):
    page = operator("/operator/trials", watched=False)  # a refusal is logged by the browser
    page.get_by_label("Cron schedule (UTC)").fill("often")
    page.get_by_role("button", name="Enable").click()
    expect(page.get_by_role("alert")).to_contain_text("Invalid cron expression")
    page.get_by_label("Cron schedule (UTC)").fill("0 3 * * *")
    page.get_by_role("button", name="Enable").click()
    expect(page.get_by_text("Next scheduled iteration")).to_be_visible()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("button", name="Enable")).to_be_visible()
