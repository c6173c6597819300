"""The schedule, the webhook and retention: what happens without anybody doing anything."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session

from tutelage import audit
from tutelage.chat import conversations
from tutelage.composition import Core, open_core
from tutelage.errors import Conflict, Invalid
from tutelage.experiments import experiments
from tutelage.feedback import feedback
from tutelage.iterations import iterations, schedule
from tutelage.maintenance import retention, webhook
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.settings import Settings
from tutelage.store import Store
from tutelage.tables import FeedbackKind, IterationState, Schedule

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC).timestamp()
DAILY = "0 3 * * *"


def planned(session: Session, at: float = NOON, **columns: object) -> Schedule:
    row = schedule.set_schedule(session, Schedule(author_id="ada", **columns))  # type: ignore[arg-type]
    row.created_at = at
    return row


def finished(
    session: Session,
    at: float,
    state: IterationState = IterationState.PROMOTED,
    metrics: dict[str, object] | None = None,
) -> None:
    row = iterations.request(session, "smoke", "policy-0000", str(at), "test")
    row.created_at = at
    row.policy_id = "policy-0001"
    iterations.finish(session, iterations.lease(session, row.id, "w"), state, metrics=metrics)


def test_the_clock_makes_it_due(any_store: Store) -> None:
    with any_store.write() as session:
        planned(session, cron=DAILY)
        assert schedule.due(session, NOON + 3600, NOON) is None
        slot = NOON + 15 * 3600
        assert schedule.due(session, slot + 1, slot) == schedule.due(session, slot + 99, slot)


def test_an_iteration_uses_its_slot_up(store: Store) -> None:
    with store.write() as session:
        planned(session, cron=DAILY)
        finished(session, NOON + 15 * 3600 + 60)
        assert schedule.due(session, NOON + 20 * 3600, NOON) is None
        assert schedule.due(session, NOON + 40 * 3600, NOON) is not None


def test_missed_slots_make_one_iteration(store: Store) -> None:
    with store.write() as session:
        planned(session, cron=DAILY)
        week = NOON + 7 * 86400
        first = schedule.due(session, week, NOON)
        finished(session, week)
        assert first is not None and schedule.due(session, week + 60, week) is None


def test_a_clock_put_back_stops_nothing_for_long(store: Store) -> None:
    with store.write() as session:
        planned(session, cron=DAILY)
        finished(session, NOON + 365 * 86400)  # written by a clock a year ahead
        seen = NOON + 86400
        assert schedule.due(session, seen + 60, seen) is None
        assert schedule.due(session, seen + 16 * 3600, seen) is not None


def test_judgements_make_it_due(store: Store) -> None:
    with store.write() as session:
        planned(session, feedback=3)
        user = people.create_user(session, "ada")
        for number in range(3):
            assert schedule.due(session, NOON, NOON) is None
            conversation = conversations.start(session, user.id, True)
            prompt = conversations.append(session, conversation, None, "user", f"{number}?")
            said = conversations.append(session, conversation, prompt.id, "assistant", "Yes.")
            feedback.record(session, user.id, FeedbackKind.THUMBS, [said], {"value": "up"}, said.id)
        assert schedule.feedback_since(session) == 3
        assert schedule.due(session, NOON, NOON) is not None


def test_nothing_is_due_while_something_is_under_way(store: Store) -> None:
    with store.write() as session:
        planned(session, cron=DAILY)
        iterations.request(session, "smoke", "policy-0000", "key", "ada")
        assert schedule.due(session, NOON + 99 * 3600, NOON) is None


def test_a_schedule_that_is_off_does_nothing(store: Store) -> None:
    with store.write() as session:
        planned(session, cron=DAILY)
        planned(session, cron=DAILY, enabled=False)
        assert schedule.due(session, NOON + 99 * 3600, NOON) is None


def test_a_bad_cron_expression_is_explained(store: Store) -> None:
    with store.write() as session, pytest.raises(Invalid, match="every day at"):
        schedule.set_schedule(session, Schedule(author_id="ada", cron="61 * * * *"))


def test_a_candidate_that_passed_goes_on_trial_once(store: Store) -> None:
    with store.write() as session:
        planned(session, cron=DAILY, share=0.25)
        for name in ("policy-0000", "policy-0001"):
            deployment.register(session, name, "0" * 64)
        deployment.promote(session, "policy-0000", "ada")
        finished(session, NOON)
        assert schedule.start_canary(session) is not None
        assert schedule.start_canary(session) is None
        experiment = experiments.running(session)
        assert experiment is not None and (experiment.share, experiment.started_by) == (
            0.25,
            "schedule",
        )
        experiments.stop(session, experiment.id, "ada", [])
        assert schedule.start_canary(session) is None


@pytest.mark.parametrize(
    ("wanted", "unproven", "tried"),
    [(False, True, False), (True, False, False), (True, True, True)],
)
def test_what_the_gate_asks_about_is_tried_only_for_want_of_proof_and_where_wanted(
    store: Store, wanted: bool, unproven: bool, tried: bool
) -> None:
    with store.write() as session:
        planned(session, cron=DAILY, unproven=wanted, days=3.0)
        for name in ("policy-0000", "policy-0001"):
            deployment.register(session, name, "0" * 64)
        deployment.promote(session, "policy-0000", "ada")
        finished(session, NOON, IterationState.UNDECIDED, {"unproven": unproven})
        assert (schedule.start_canary(session) is not None) == tried
        experiment = experiments.running(session)
        assert experiment is None or experiment.rules["days"] == 3.0


def note(store: Store, action: str) -> None:
    with store.write() as session:
        audit.record(session, "ada", action, "x")


def test_the_webhook_is_told_each_event_in_order(store: Store) -> None:
    heard: list[tuple[bytes, str]] = []

    def send(url: str, body: bytes, headers: dict[str, str]) -> int:
        heard.append((body, headers["x-tutelage-signature"]))
        return 204

    note(store, "policy.promote")
    assert webhook.tell(store, "http://x", "s", send) == 0  # begins at the present
    for action in ("policy.rollback", "key.create", "iteration.refused"):
        note(store, action)
    assert webhook.tell(store, "http://x", "s", send) == 2
    body, signed = heard[0]
    actions = [event["action"] for event in json.loads(body)["events"]]
    assert actions == ["policy.rollback", "iteration.refused"]
    assert signed == webhook.signature("s", body)
    assert webhook.tell(store, "http://x", "s", send) == 0


def test_a_webhook_that_fails_is_told_later(store: Store) -> None:
    webhook.tell(store, "http://x", "", lambda *_: 200)
    note(store, "policy.promote")
    now = time.time()
    assert webhook.tell(store, "http://x", "", lambda *_: 500, now) == 0
    assert webhook.tell(store, "http://x", "", lambda *_: 200, now) == 0  # backs off
    assert webhook.tell(store, "http://x", "", lambda *_: 200, now + 10) == 1


@pytest.fixture
def full(tmp_path: Path) -> Core:
    """Eight policies with weights, the sixth current, the fifth the way back."""
    core = open_core(Settings(data=tmp_path / "data"))
    for number in range(8):
        name = f"policy-{number:04d}"
        core.library.publish(
            name, lambda folder: (folder / "model.safetensors").write_bytes(b"w" * 9) and None, {}
        )
        with core.store.write() as session:
            deployment.register(session, name, core.library.manifest_sha256(name))
    with core.store.write() as session:
        deployment.promote(session, "policy-0004", "ada")
        deployment.promote(session, "policy-0005", "ada")
    return core


def test_old_weights_go_and_papers_stay(full: Core) -> None:
    gone = retention.sweep(full, keep=2)
    assert gone == ["policy-0003", "policy-0002", "policy-0001", "policy-0000"]
    assert full.library.has_weights("policy-0004") and full.library.has_weights("policy-0005")
    assert full.library.manifest("policy-0000")["files"]["model.safetensors"]
    assert full.library.verify("policy-0000") == []
    assert retention.sweep(full, keep=2) == []


def test_a_policy_without_weights_is_not_promoted(full: Core) -> None:
    retention.sweep(full, keep=2)
    with pytest.raises(Conflict, match="deleted to save disk space"):
        full.library.require_weights("policy-0000")
