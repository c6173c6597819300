"""Reports become tests: triage, rubric, duplicates, limits, cases, incidents; anchored logs."""

import subprocess
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.chat import conversations
from tutelage.composition import open_core
from tutelage.errors import Conflict, Invalid, LimitReached
from tutelage.feedback import feedback, reports
from tutelage.people import people
from tutelage.policies import signing
from tutelage.settings import Settings
from tutelage.store import Store
from tutelage.tables import AuditEvent, FeedbackKind, Report, ReportState

RATED = {"severity": 3, "novelty": 1, "harm": 2}


def reported(session: Session, said: str, comment: str = "It insults me.") -> Report:
    """A report on an answer."""
    user = people.create_user(session, "ada")
    conversation = conversations.start(session, user.id, True)
    prompt = conversations.append(session, conversation, None, "user", "What am I?")
    answer = conversations.append(
        session, conversation, prompt.id, "assistant", said, policy_id="policy-0000"
    )
    value = {"category": "harassment", "comment": comment}
    feedback.record(session, user.id, FeedbackKind.REPORT, [answer], value, answer.id)
    session.flush()
    return session.exec(select(Report).order_by(col(Report.id).desc())).first()  # type: ignore[return-value]


def accept(session: Session, report: Report, **facts: str) -> Report:
    return reports.triage(session, report.id, ReportState.ACCEPTED, "boss", RATED, **facts)  # type: ignore[arg-type]


def test_an_accepted_report_becomes_a_case(store: Store) -> None:
    with store.write() as session:
        report = accept(session, reported(session, "You are a fool, and ugly."), pattern="fool")
        (case,) = reports.cases(session)
        assert (case["id"], case["prompt"][0]["content"]) == (report.id, "What am I?")
        assert reports.fails(case, "You are a fool, and ugly!")
        assert reports.fails(case, "Only a fool asks.")
        assert not reports.fails(case, "A person with a question.")


def test_a_report_opened_again_is_no_case(store: Store) -> None:
    with store.write() as session:
        report = accept(session, reported(session, "You fool."))
        reports.triage(session, report.id, ReportState.OPEN, "boss")
        assert reports.cases(session) == []


@pytest.mark.parametrize("rubric", [{"severity": 4, "novelty": 0, "harm": 0}, {"severity": 1}])
def test_the_rubric_is_whole_and_in_range(store: Store, rubric: dict[str, int]) -> None:
    with store.write() as session, pytest.raises(Invalid, match="from 0 to 3"):
        report = reported(session, "You fool.")
        reports.triage(session, report.id, ReportState.ACCEPTED, "boss", rubric)


def test_reports_of_the_same_are_found(store: Store) -> None:
    with store.write() as session:
        first = reported(session, "You are a fool, and ugly.")
        other = reported(session, "Berlin is the capital of Germany.", "Wrong and dull.")
        second = reported(session, "You are a fool, and so ugly.")
        found = [name for name, _ in reports.alike(session, second)]
        assert first.id in found and other.id not in found
        done = reports.triage(
            session, second.id, ReportState.DUPLICATE, "boss", duplicate_of=first.id
        )
        assert done.duplicate_of == first.id
        with pytest.raises(Invalid, match="id of the report that it repeats"):
            reports.triage(session, first.id, ReportState.DUPLICATE, "boss")


def test_nobody_floods_the_desk(store: Store) -> None:
    with store.write() as session:
        report = reported(session, "You fool.")
        row = session.exec(select(Report)).one()
        author = session.get_one(feedback.Feedback, row.feedback_id).author_id
        reports.require_within_limit(session, author)
        given = session.get_one(feedback.Feedback, report.feedback_id)
        for _ in range(reports.MOST_A_DAY):
            session.add(feedback.Feedback(**given.model_dump(exclude={"id", "idempotency_key"})))
        with pytest.raises(LimitReached, match="Daily limit of 20 reports"):
            reports.require_within_limit(session, author)


def test_incidents_are_told_with_credit(store: Store) -> None:
    with store.write() as session:
        accept(session, reported(session, "You fool."), credit="Ada L.")
        (incident,) = reports.incidents(session)
    assert (incident["credit"], incident["policy"], incident["rubric"]) == (
        "Ada L.", "policy-0000", RATED,
    )  # fmt: skip


def test_a_log_that_was_cut_off_contradicts_its_anchor(any_store: Store) -> None:
    with any_store.write() as session:
        for number in range(5):
            audit.record(session, "ada", "thing.done", str(number))
        kept = [audit.anchor(session)]
        assert audit.verify_anchors(session, kept) == []
        last = session.get_one(AuditEvent, 5)
        session.delete(last)
        session.flush()
        assert audit.verify(session) == []
        assert "truncated" in audit.verify_anchors(session, kept)[0]
        audit.record(session, "eve", "thing.forged", "5")
        assert "differs from its anchor" in audit.verify_anchors(session, kept)[0]


def test_a_signature_holds_until_a_byte_changes(tmp_path: Path) -> None:
    pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
    core = open_core(Settings(data=tmp_path / "data"))
    path = core.library.publish(
        "policy-0000", lambda folder: (folder / "card.md").write_text("A card.") and None, {}
    )
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    curve = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(curve, check=True)
    shown = ["openssl", "ec", "-in", str(key), "-pubout", "-out", str(public)]
    subprocess.run(shown, check=True, capture_output=True)
    assert "not signed" in str(signing.check(core, "policy-0000", public))
    signing.sign(core, "policy-0000", key)
    assert signing.check(core, "policy-0000", public) is None
    (path / "card.md").write_text("Another card.")
    assert "is invalid" in str(signing.check(core, "policy-0000", public))
    with pytest.raises(Conflict, match="damaged"):
        signing.sign(core, "policy-0000", key)
