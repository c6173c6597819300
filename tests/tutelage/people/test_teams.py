"""Teams: who is in them, and that what is said in one teaches nobody else."""

import pytest
from sqlmodel import Session, select

from tutelage.chat import conversations
from tutelage.errors import Conflict, Forbidden, Invalid, NotFound
from tutelage.feedback import feedback, preference_data
from tutelage.iterations import readiness, schedule
from tutelage.labeling import labeling, selection
from tutelage.people import people, teams
from tutelage.store import Store
from tutelage.tables import AuditEvent, Conversation, FeedbackKind, Message, Team


def judged_chat(session: Session, owner_id: str, team_id: str | None, text: str) -> list[Message]:
    """A consented chat with two answers, the first of which was ranked first."""
    chat = conversations.start(session, owner_id, True)
    if team_id:
        conversations.claim(session, chat, team_id)
    prompt = conversations.append(session, chat, None, "user", text)
    said = [
        conversations.append(
            session, chat, prompt.id, "assistant", f"{text}, answered {n}",
            completion_id=f"chatcmpl-{chat.id}", choice=n, finish_reason="stop",
            policy_id="policy-0000",
        )
        for n in range(2)
    ]  # fmt: skip
    ranking = {"ranking": [[each.id] for each in said]}
    feedback.record(session, owner_id, FeedbackKind.RANKING, said, ranking, f"chatcmpl-{chat.id}")
    return [prompt, *said]


def test_a_person_is_in_one_team_at_most(any_store: Store) -> None:
    with any_store.write() as session:
        ada = people.create_user(session, "Ada")
        one, two = (teams.create(session, name, "op") for name in ("One", "Two"))
        teams.join(session, ada.id, one.id, "op")
        teams.join(session, ada.id, two.id, "op")
        assert teams.members(session, one.id) == []
        assert teams.members(session, two.id) == [ada]
        assert teams.sizes(session) == {two.id: 1}
        teams.join(session, ada.id, None, "op")
        assert teams.of_person(session, ada.id) is None
        acts = session.exec(select(AuditEvent.action).order_by(AuditEvent.seq)).all()
    assert acts == ["team.create"] * 2 + ["team.join"] * 3


def test_names_are_one_line_and_unlike(store: Store) -> None:
    with store.write() as session:
        team = teams.create(session, " Help\ndesk ", "op")
        assert team.name == "Help desk" and teams.get(session, "Help desk") == team
        with pytest.raises(Conflict, match="already"):
            teams.create(session, "Help desk", "op")
        for name in ("\u200b", "x" * 101):
            with pytest.raises(Invalid, match="1 to 100"):
                teams.create(session, name, "op")
        assert teams.rename(session, team.id, "Help desk", "op").name == "Help desk"
        assert teams.rename(session, team.id, "Support", "op").name == "Support"
        with pytest.raises(NotFound, match="teams list"):
            teams.get(session, "Help desk")


def test_a_deleted_team_leaves_its_people_their_chats(any_store: Store) -> None:
    with any_store.write() as session:
        ada = people.create_user(session, "Ada")
        team = teams.create(session, "One", "op")
        teams.join(session, ada.id, team.id, "op")
        judged_chat(session, ada.id, team.id, "said in the team")
        teams.delete(session, team.id, "op", [])
    with any_store.read() as session:
        assert session.exec(select(Team)).all() == []
        assert teams.of_person(session, ada.id) is None
        chat = conversations.listed(session, ada.id)[0]
        assert teams.answering(session, ada.id, chat) is None
        assert preference_data.read(session).messages == []


def test_the_team_of_the_person_answers_in_their_teams_chats_alone(store: Store) -> None:
    with store.write() as session:
        ada = people.create_user(session, "Ada")
        one, two = (teams.create(session, name, "op") for name in ("One", "Two"))
        assert teams.answering(session, ada.id, None) is None
        teams.join(session, ada.id, one.id, "op")
        assert teams.answering(session, ada.id, None) == one.id
        for team_id, answers in ((None, one.id), (one.id, one.id), (two.id, None)):
            chat = Conversation(owner_id=ada.id, team_id=team_id)
            assert teams.answering(session, ada.id, chat) == answers


def test_a_claim_chooses_among_the_teams_that_operators_made(store: Store) -> None:
    with store.write() as session:
        ada = people.create_user(session, "Ada")
        team = teams.create(session, "Support", "op")
        for claim, found in (
            (["unknown", "Support"], team.id), (["unknown"], None), ("Support", team.id),
            (7, team.id), ([7], None),
        ):  # fmt: skip
            teams.by_claim(session, ada, claim)
            session.flush()
            assert teams.of_person(session, ada.id) == found, claim


def test_what_a_team_says_is_in_no_common_data_and_in_no_other_teams(any_store: Store) -> None:
    """Every text names the team that it was said in, or ``common``."""
    with any_store.write() as session:
        ada = people.create_user(session, "Ada")
        ids = {name: teams.create(session, name, "op").id for name in ("one", "two")}
        for name in ("common", *ids):
            judged_chat(session, ada.id, ids.get(name), f"said in {name}")
    with any_store.read() as session:
        for name in ("common", *ids):
            found = list(preference_data.batches(session, team_id=ids.get(name)))
            texts = [message.content for rows in found for message in rows.messages]
            assert len(texts) == 3 and all(f"said in {name}" in text for text in texts)
            (compared,) = preference_data.comparing(session, ids.get(name))
            assert [each.prompt[0]["content"] for each in compared] == [f"said in {name}"]
            assert readiness.consented(session, ids.get(name)) == 1
        assert [m.content for m in preference_data.read(session).messages] == texts_of("common")
        assert schedule.feedback_since(session) == 1
        assert [each.text for each in selection.candidates(session, 0)] == ["said in common"]


def texts_of(name: str) -> list[str]:
    return [f"said in {name}", f"said in {name}, answered 0", f"said in {name}, answered 1"]


def test_labelers_are_asked_nothing_that_a_team_said(store: Store) -> None:
    with store.write() as session:
        ada, labeler = (people.create_user(session, name) for name in ("Ada", "Lena"))
        team = teams.create(session, "One", "op")
        prompt, *_ = judged_chat(session, ada.id, team.id, "said in the team")
        with pytest.raises(Forbidden, match="belongs to a team"):
            labeling.add_task(session, FeedbackKind.DEMONSTRATION, [prompt], None, 1)
        prompt, *_ = judged_chat(session, ada.id, None, "said before")
        labeling.add_task(session, FeedbackKind.DEMONSTRATION, [prompt], None, 1)
        assert labeling.waiting(session, labeler.id, FeedbackKind.DEMONSTRATION) == 1
        chat = session.get_one(Conversation, prompt.conversation_id)
        conversations.claim(session, chat, team.id)  # it goes on as a member
        session.flush()
        assert labeling.waiting(session, labeler.id, FeedbackKind.DEMONSTRATION) == 0
