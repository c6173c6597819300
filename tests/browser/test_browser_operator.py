"""The operator's pages: iterations, policies, comparisons, data sets, gold, reports, audit."""

import json
from pathlib import Path

import pytest
from actions import ask, choose_dataset, judge_blind
from playwright.sync_api import Page, expect
from service_fixture import FIRST, TEA, publish

from tutelage.iterations import iterations
from tutelage.people import accounts
from tutelage.policies import deployment

pytestmark = pytest.mark.browser


def row(page: Page, name: str):
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def current(service) -> str | None:
    with service.core.store.read() as session:
        version = deployment.current(session)
        return version.id if version else None


def test_a_sign_in_link_works_once(service, open_page):
    link = service.sign_in_link()
    page = open_page(link, consent=None)
    page.wait_for_url("**/operator/iterations")
    again = open_page(link, consent=None, watched=False)
    expect(again.get_by_role("alert")).to_contain_text("already used")
    again.get_by_text("Sign in with a link").click()
    expect(again.get_by_text("tutelage sign-in-link", exact=True)).to_be_visible()


def test_others_are_told_how_to_become_operators(open_page):
    page = open_page("/operator", consent=None)
    expect(page.get_by_role("heading", name="For operators")).to_be_visible()
    expect(page.get_by_text("tutelage sign-in-link")).to_be_visible()


def test_the_list_shows_states_and_live_progress(trained_service, operator):
    page = operator()
    running = page.get_by_role("row").filter(has_text="Running")
    expect(running.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "62")
    expect(running).to_contain_text("2 min 34 s left")
    expect(page.get_by_role("row").filter(has_text="Rejected")).to_have_count(1)


def test_progress_is_followed_without_a_reload(trained_service, operator):
    from tutelage.iterations import iterations

    page = operator()
    page.get_by_role("row").filter(has_text="Running").get_by_role("link").first.click()
    expect(page.get_by_text("step 8 of 13")).to_be_visible()
    with trained_service.core.store.write() as session:
        iteration = iterations.unfinished(session)
        iteration.progress = {"stage": "ppo", "done": 9, "total": 13, "eta_seconds": 120.0}
        session.add(iteration)
    expect(page.get_by_text("step 9 of 13")).to_be_visible()


def test_an_iteration_shows_curves_decision_and_measures(trained_service, operator):
    page = operator()
    page.get_by_role("row").filter(has_text="Rejected").get_by_role("link").first.click()
    expect(page.get_by_text("The KL of 17.9 nats is above the limit of 12.")).to_be_visible()
    expect(page.get_by_text("Win rate", exact=True)).to_be_visible()
    for title in ("Score", "KL from the reference policy", "Response length", "Entropy"):
        figure = page.get_by_role("figure").filter(has_text=title).first
        expect(figure.locator("path.recharts-line-curve").first).to_be_attached()


def test_a_policy_shows_its_card_and_lineage(service, operator):
    page = operator("/operator/policies/policy-0003")
    expect(page.get_by_role("heading", name="What it is not good at")).to_be_visible()
    lineage = page.get_by_role("list").filter(has_text="base model")
    expect(lineage.get_by_role("listitem")).to_contain_text(
        ["policy-0003", "policy-0001", "policy-0000"]
    )


def test_a_policy_is_promoted_and_rolled_back(service, operator):
    page = operator("/operator/policies")
    before = current(service)
    row(page, "policy-0001").get_by_role("button", name="Promote").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Promote").click()
    expect(row(page, "policy-0001")).to_contain_text("Current")
    assert current(service) == "policy-0001"
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Roll back").click()
    expect(row(page, before)).to_contain_text("Current")
    assert current(service) == before


def test_promotion_moves_new_turns_without_a_reload(service, open_page, operator):
    chat = open_page()
    expect(ask(chat, TEA)).to_contain_text(current(service))
    page = operator("/operator/policies")
    row(page, "policy-0000").get_by_role("button", name="Promote").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Promote").click()
    expect(row(page, "policy-0000")).to_contain_text("Current")
    while chat.request.get("/readyz").json()["policy"] != "policy-0000":
        chat.wait_for_timeout(100)  # the service looks for a promoted policy every second
    expect(ask(chat, TEA)).to_contain_text("policy-0000")


def test_a_refused_policy_is_promoted_only_past_a_warning(service, operator):
    page = operator("/operator/policies")
    row(page, "policy-0002").get_by_role("button", name="Promote").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("The gate rejected this policy")
    page.get_by_role("button", name="Cancel").click()
    expect(row(page, "policy-0002")).to_contain_text("Rejected")


def test_a_report_is_decided(service, open_page, operator):
    chat = open_page()
    ask(chat, TEA)
    chat.get_by_role("button", name="More").click()
    chat.get_by_role("menuitem", name="Report this answer").click()
    chat.get_by_role("button", name="Private data").click()
    chat.get_by_role("button", name="Send report").click()
    chat.get_by_text("You reported this answer").wait_for()
    page = operator("/operator/feedback")
    report = page.get_by_role("listitem").filter(has_text="Privacy")
    expect(report).to_contain_text(TEA)
    report.get_by_role("button", name="Review").click()
    triage = page.get_by_role("dialog")
    triage.get_by_role("group", name="Severity").get_by_text("3").click()
    triage.get_by_label("Credit").fill("Ada")
    triage.get_by_role("button", name="Accept").click()
    expect(report).to_contain_text("Accepted")
    expect(report).to_contain_text("Severity: 3/3, Novelty: 1/3, Real-world harm: 1/3.")
    expect(report).to_contain_text("Credit: Ada.")
    page.goto("/operator/audit")
    expect(page.get_by_role("row").filter(has_text="report.triage")).to_have_count(1)


def test_policies_are_compared_blind(service, operator):
    page = operator("/operator/policies/compare")
    judge_blind(page)
    expect(page.get_by_role("heading", name="Too few prompts to tell")).to_be_visible()
    chosen = page.get_by_role("listitem").filter(has_text="Preferred").last
    expect(chosen.get_by_text("policy-000")).to_have_count(1)
    page.get_by_role("link", name="Blind comparison").click()
    expect(page.get_by_role("row").filter(has_text="View result")).to_contain_text("1 of 1")


def test_a_data_set_is_checked_imported_exported_and_erased(service, operator, tmp_path):
    page = operator("/operator/labeling/datasets")
    choose_dataset(page, tmp_path / "pairs.jsonl")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 skipped (row 7): Two responses are identical.")
    expect(dialog).to_contain_text("1 sexual (row 8)")
    dialog.get_by_label("Name").fill("pairs")
    dialog.get_by_label("Licence").fill("MIT")
    dialog.get_by_label("Exclude 1 flagged example").check()
    dialog.get_by_role("button", name="Import").click()
    row = page.get_by_role("row").filter(has_text="pairs")
    expect(row.get_by_role("cell").nth(5)).to_have_text("6")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="OpenAI messages").click()
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert all("messages" in json.loads(line) for line in lines)
    row.get_by_role("button", name="Erase").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Erase").click()
    expect(page.get_by_text("No datasets yet")).to_be_visible()


def test_a_gold_task_is_written_and_counts(service, operator):
    page = operator("/operator/labeling")
    page.get_by_role("button", name="Create a gold task").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Prompt").fill("Is 91 a prime number?")
    dialog.get_by_label("Answer 1", exact=True).fill("No: 91 is 7 times 13.")
    dialog.get_by_label("Answer 2", exact=True).fill("Yes, 91 is a prime number.")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 in 8 tasks is gold (1 available)")).to_be_visible()
    page.goto("/label/rank")
    page.get_by_text("No: 91 is 7 times 13.").wait_for()


def test_an_answer_is_regenerated_with_another_policy(service, operator):
    page = operator("/")
    expect(ask(page, TEA)).to_contain_text(current(service))
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Regenerate with").hover()
    page.get_by_role("menuitem", name="policy-0001").click()
    answer = page.get_by_label("Answer", exact=True).last
    expect(answer).to_contain_text("policy-0001")
    expect(answer.get_by_role("group", name="Versions")).to_contain_text("2/2")
    answer.get_by_role("button", name="Previous version").click()
    expect(answer).to_contain_text(current(service))


def test_a_policy_that_fails_a_report_is_promoted_with_an_explanation(trained_service, operator):
    metrics = FIRST | {"failed_cases": ["report_1"]}
    publish(trained_service.core, "policy-0004", "policy-0003", "iteration-0002", metrics)
    with trained_service.core.store.write() as session:
        iterations.get(session, "iteration-0002").metrics = metrics
    page = operator("/operator/policies")
    row(page, "policy-0004").get_by_role("button", name="Promote").click()
    asked = page.get_by_role("alertdialog")
    expect(asked).to_contain_text("reproduces answers from accepted reports: report_1")
    asked.get_by_label("Reason for overriding").fill("The report was about a joke.")
    asked.get_by_role("button", name="Promote").click()
    expect(row(page, "policy-0004")).to_contain_text("Current")


def test_a_team_is_made_filled_and_deleted(trained_service, operator):
    with trained_service.core.store.write() as session:
        accounts.sign_up(session, "nora", "hash")
    page = operator("/operator/people")
    team = page.get_by_role("row").filter(has_text="Support")
    page.get_by_role("link", name="Teams").click()
    page.get_by_role("button", name="New team").click()
    page.get_by_label("Name").fill("Support")
    page.get_by_role("button", name="Create").click()
    team.get_by_role("button", name="Members of Support").click()
    page.get_by_label("Add a user").fill("nor")
    page.get_by_role("button", name="Add nora").click()
    page.get_by_role("button", name="Remove nora").wait_for()
    page.keyboard.press("Escape")
    expect(team).to_contain_text("nora")
    team.get_by_role("button", name="Delete Support").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No teams yet").wait_for()
