"""/v1/labeling and its desk: tasks, ranking, demonstrations, gold, agreement, undo."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from chat_service import ChatService, eventually, new_key, new_services, serve
from sqlmodel import select

from server.generators.echo import EchoGenerator
from server.labeling.candidates import CandidateWriter
from training.config import SnapshotConfig
from training.derivation import derive
from tutelage.composition import Core
from tutelage.feedback import preference_data
from tutelage.labeling import labeling
from tutelage.tables import Assignment, Conversation, FeedbackKind, Role

NUMBERS = count()


@pytest.fixture
def service(core: Core) -> Iterator[ChatService]:
    """A service whose every answer differs, with a second labeler."""
    generator = EchoGenerator(lambda messages: f"Answer {next(NUMBERS)}", policy_id=None)
    with serve(new_services(core, generator, labeling_gold=2), core) as service:
        service.keys["second"] = new_key(core.store, "second", Role.LABELER)
        yield service


def make(service: ChatService, **body: Any) -> int:
    asked = {"kind": "ranking", "count": 1, "source": "prompts", "answers": 4} | body
    answer = service.post("/v1/operator/labeling/tasks", asked, "operator")
    assert answer.status_code == 201, answer.text
    assert eventually(lambda: progress(service)["tasks"]["preparing"] == 0)
    made: int = answer.json()["made"]
    return made


def progress(service: ChatService) -> Any:
    return service.get("/v1/operator/labeling", "operator").json()


def take(service: ChatService, name: str = "labeler", kind: str = "ranking", **body: Any) -> Any:
    answer = service.post("/v1/labeling/next", {"kind": kind} | body, name)
    assert answer.status_code == 200, answer.text
    return answer.json()["assignment"]


def rank(service: ChatService, task: Any, name: str = "labeler", **body: Any) -> Any:
    shown = [answer["id"] for answer in task["answers"]]
    asked = {"ranking": [[each] for each in sorted(shown)], "positions": shown, "seconds": 12}
    path = f"/v1/labeling/assignments/{task['id']}/ranking"
    return service.post(path, asked | body, name)


def test_answers_are_written_and_ranked_with_flags_and_ratings(service: ChatService) -> None:
    assert make(service) == 1
    task = take(service)
    shown = [answer["id"] for answer in task["answers"]]
    assert len(shown) == 4 and task["dialogue"][-1]["role"] == "user"
    assert task["instructions"] == labeling.instructions().version
    marks = {"flags": {shown[0]: ["wrong", "too_long"]}, "ratings": {shown[0]: 2}}
    assert rank(service, task, **marks).status_code == 200
    assert take(service) is None
    home = service.get("/v1/labeling", "labeler").json()
    assert (home["answered"], home["seconds"], home["waiting"]["ranking"]) == (1, 12, 0)


def test_replicas_that_write_the_same_task_leave_one_set_of_answers(
    service: ChatService, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = [CandidateWriter(service.services) for _ in range(2)]
    with service.core.store.write() as session:
        recipes = [{"temperature": 1.0} for _ in range(4)]
        task = labeling.add_task(session, FeedbackKind.RANKING, "Why is the sky blue?", recipes, 1)

    async def at_once() -> None:
        await asyncio.gather(*(writer.prepare(task) for writer in writers))

    asyncio.run(at_once())
    with service.core.store.read() as session:
        assert len(labeling.answers(session, task)) == 4


def test_who_wrote_an_answer_is_not_told(service: ChatService) -> None:
    make(service)
    path = f"/v1/labeling/assignments/{take(service)['id']}"
    assert "policy" not in service.get(path, "labeler").text
    assert service.get(path, "second").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"ranking": []},
        {"ranking": [["msg_other"], ["msg_unknown"]]},
        {"flags": {"msg_other": ["wrong"]}},
        {"ratings": {"msg_other": 3}},
        {"positions": []},
    ],
)
def test_a_ranking_that_makes_no_sense_is_refused(service: ChatService, wrong: Any) -> None:
    make(service)
    assert rank(service, take(service), **wrong).status_code == 400


def test_an_unfinished_task_comes_back(service: ChatService) -> None:
    make(service, count=2)
    assert take(service)["id"] == take(service)["id"]


def test_a_task_is_answered_by_as_many_as_it_needs(service: ChatService) -> None:
    make(service, overlap=1)
    rank(service, take(service))
    assert take(service, "second") is None


def test_two_who_agree_are_seen_to_agree(service: ChatService) -> None:
    make(service, count=3)
    for name in ("labeler", "second"):
        while task := take(service, name):
            rank(service, task, name)
    found = progress(service)
    assert (found["alpha"], found["same"]["mean"], found["shared_tasks"]) == (1.0, 1.0, 3)
    assert found["tasks"]["done"] == 3
    assert [row["reliability"] for row in found["labelers"]] == [None, None]  # of two nobody knows


def test_a_dispute_becomes_a_gold_task_that_measures(service: ChatService) -> None:
    make(service)
    first = take(service)
    rank(service, first)
    second = take(service, "second")
    shown = sorted(answer["id"] for answer in second["answers"])
    rank(service, second, "second", ranking=[[each] for each in shown[::-1]])
    [dispute] = service.get("/v1/operator/labeling/disagreements", "operator").json()["data"]
    assert dispute["share"] == 1.0 and len(dispute["opinions"]) == 2
    gold = {"ranking": [[each] for each in shown]}
    path = f"/v1/operator/labeling/tasks/{dispute['task_id']}/gold"
    assert service.post(path, gold, "operator").status_code == 200
    rows = {row["name"]: row for row in progress(service)["labelers"]}
    assert (rows["labeler"]["gold_right"], rows["labeler"]["gold_pairs"]) == (6, 6)
    assert rows["second"]["gold_right"] == 0


def test_a_task_that_was_left_open_is_offered_again_and_both_answers_count_once(
    service: ChatService, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(service, overlap=1)
    mine = take(service)
    assert take(service, "second") is None
    monkeypatch.setattr(labeling, "HELD_SECONDS", 0.0)
    theirs = take(service, "second")
    assert theirs["dialogue"] == mine["dialogue"] and theirs["id"] != mine["id"]
    assert rank(service, theirs, "second").status_code == 200
    assert rank(service, mine).status_code == 200
    assert rank(service, mine).status_code == 409  # again, in another tab
    assert {row["author"] for row in _snapshot(service).rankings} == _labelers(service)
    assert len(_snapshot(service).rankings) == 2


def test_a_task_that_becomes_gold_meanwhile_measures_who_answers_later(
    service: ChatService,
) -> None:
    make(service, overlap=2)
    mine, theirs = take(service), take(service, "second")
    rank(service, theirs, "second")
    gold = f"/v1/labeling/assignments/{theirs['id']}/gold"
    assert service.post(gold, {}, "second").status_code == 200
    assert rank(service, mine).status_code == 200
    rows = {row["name"]: row for row in progress(service)["labelers"]}
    assert rows["labeler"]["gold_pairs"] == 6 and rows["second"]["gold_pairs"] == 0


def test_a_copy_for_labelers_is_not_judged_by_the_chats_owner(service: ChatService) -> None:
    service.ask("Please explain tides")
    make(service, source="chat")
    shown = take(service)["answers"][0]["id"]
    body = {"kind": "thumbs", "message_id": shown, "value": "up"}
    assert service.post("/v1/feedback", body).status_code == 404


def test_skipping_leaves_the_task_to_others_and_undo_brings_it_back(service: ChatService) -> None:
    make(service, overlap=1)
    task = take(service)
    path = f"/v1/labeling/assignments/{task['id']}"
    assert service.post(f"{path}/skip", {"reason": "Not my language"}, "labeler").status_code == 200
    assert take(service) is None
    assert take(service, "second") is not None
    assert service.post(f"{path}/undo", {}, "labeler").json()["id"] == task["id"]
    assert take(service)["id"] == task["id"]


def test_what_is_undone_comes_before_the_task_that_is_open(service: ChatService) -> None:
    assert make(service, count=2) == 2
    first = take(service)
    rank(service, first)
    second = take(service)
    assert second["id"] != first["id"]
    undone = service.post(f"/v1/labeling/assignments/{first['id']}/undo", {}, "labeler")
    assert undone.status_code == 200
    assert take(service)["id"] == first["id"]
    rank(service, first)
    assert take(service)["id"] == second["id"]


def test_what_is_undone_is_not_learned(service: ChatService) -> None:
    make(service)
    task = take(service)
    rank(service, task)
    assert len(_snapshot(service).rankings) == 1
    service.post(f"/v1/labeling/assignments/{task['id']}/undo", {}, "labeler")
    assert _snapshot(service).rankings == []
    assert rank(service, task).status_code == 200
    assert len(_snapshot(service).rankings) == 1


def test_a_chat_that_withdraws_consent_leaves_no_task(service: ChatService) -> None:
    turn = service.ask("Please explain tides")
    assert make(service, source="chat") == 1
    assert make(service, source="chat") == 0
    task = take(service)
    assert task["dialogue"] == [{"role": "user", "content": "Please explain tides"}]
    chat = turn["tutelage"]["conversation_id"]
    service.patch(f"/v1/conversations/{chat}", {"training": False})
    assert rank(service, task).status_code == 409
    assert take(service, "second") is None


def test_an_erased_chat_takes_its_tasks_along(service: ChatService) -> None:
    turn = service.ask("Please explain tides")
    make(service, source="chat")
    rank(service, take(service))
    service.delete(f"/v1/conversations/{turn['tutelage']['conversation_id']}")
    with service.core.store.read() as session:
        assert session.get(Conversation, turn["tutelage"]["conversation_id"]) is None
        assert preference_data.learnable(preference_data.read(session)) == []


def test_labelers_copies_do_not_show_in_the_users_list(service: ChatService) -> None:
    service.ask("Please explain tides")
    make(service, source="chat")
    assert len(service.get("/v1/conversations").json()["data"]) == 1


def test_a_demonstration_becomes_training_data_with_its_edits(service: ChatService) -> None:
    make(service, kind="demonstration")
    task = take(service, kind="demonstration")
    opening = task["dialogue"][0]["content"]
    asked = {"side": "assistant", "turns": [{"role": "user", "content": opening}]}
    suggested = service.post("/v1/labeling/suggestions", asked, "labeler").json()["text"]
    turns = [
        {"role": "user", "content": opening},
        {"role": "assistant", "content": f"{suggested}!", "suggestion": suggested},
    ]
    path = f"/v1/labeling/assignments/{task['id']}/demonstration"
    assert service.post(path, {"turns": turns, "seconds": 30}, "labeler").status_code == 200
    [row] = _snapshot(service).demonstrations
    assert [turn["content"] for turn in row["messages"]] == [opening, f"{suggested}!"]
    [labeler] = progress(service)["labelers"]
    assert (labeler["suggestions"], labeler["accepted"]) == (1, 0)


def test_a_demonstration_on_a_prompt_of_ones_own(service: ChatService) -> None:
    task = take(service, kind="demonstration", own=True)
    assert task["dialogue"] == []
    path = f"/v1/labeling/assignments/{task['id']}/demonstration"
    half = {"turns": [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Ho"}]}
    assert service.post(path, half, "labeler").status_code == 400


def test_the_users_side_is_suggested_with_the_roles_turned(service: ChatService) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    answer = service.post("/v1/labeling/suggestions", {"side": "user", "turns": turns}, "labeler")
    assert answer.status_code == 200 and answer.json()["text"].startswith("Answer")


def test_answers_that_all_say_the_same_make_no_task(core: Core) -> None:
    with serve(new_services(core), core) as service:
        make(service)
        assert progress(service)["tasks"]["failed"] == 1
        assert take(service) is None


def test_every_second_task_is_gold(service: ChatService) -> None:
    make(service, count=3, overlap=3)
    tasks = [take(service, "second")]
    rank(service, tasks[0], "second")
    with service.core.store.write() as session:
        done = session.get(Assignment, tasks[0]["id"])
        assert done is not None
        order = [[answer["id"]] for answer in tasks[0]["answers"]]
        labeling.set_gold(session, done.task_id, order, "operator")
    seen = []
    while task := take(service):
        seen.append(sorted(answer["id"] for answer in task["answers"]))
        rank(service, task)
    assert seen.index(sorted(each for group in order for each in group)) == 1


def _labelers(service: ChatService) -> set[str]:
    with service.core.store.read() as session:
        return set(session.exec(select(Assignment.labeler_id)))


def _snapshot(service: ChatService) -> Any:
    with service.core.store.read() as session:
        return derive(preference_data.read(session), SnapshotConfig())


def test_ones_own_order_can_be_gold_and_measures_the_others(service: ChatService) -> None:
    make(service, overlap=2)
    task = take(service)
    gold = f"/v1/labeling/assignments/{task['id']}/gold"
    assert service.post(gold, name="labeler").status_code == 409
    rank(service, task)
    assert service.post(gold, name="labeler").json()["gold"] is True
    assert service.post(gold, name="second").status_code == 404
    other = take(service, "second")
    rank(service, other, "second")
    settled = service.post(f"/v1/labeling/assignments/{other['id']}/gold", name="second")
    assert settled.status_code == 409
    measured = {row["id"]: row["gold_pairs"] for row in progress(service)["labelers"]}
    assert sorted(measured.values()) == [0, 6]
    ranked = service.get("/v1/operator/labeling/disagreements?every=true", "operator").json()
    assert [row["share"] for row in ranked["data"]] == [0]


def test_a_gold_task_can_be_written(service: ChatService) -> None:
    written = {"prompt": "Is it safe?", "answers": [["Yes, when boiled."], ["Yes.", "Sure."]]}
    assert service.post("/v1/labeling/gold", written, "operator").status_code == 201
    task = take(service)
    by_text = {answer["content"]: answer["id"] for answer in task["answers"]}
    right = [[by_text["Yes, when boiled."]], [by_text["Yes."], by_text["Sure."]]]
    assert rank(service, task, ranking=right).status_code == 200
    (row,) = progress(service)["labelers"]
    assert (row["gold_right"], row["gold_pairs"]) == (3, 3)


@pytest.mark.parametrize("answers", [[["Yes."]], [["Yes."], ["Yes."]], [["Yes."], [" "]]])
def test_a_gold_task_that_measures_nothing_is_refused(service: ChatService, answers: Any) -> None:
    body = {"prompt": "Is it safe?", "answers": answers}
    assert service.post("/v1/labeling/gold", body, "labeler").status_code == 400
    assert service.post("/v1/labeling/gold", body, "user").status_code == 403


def test_what_one_demonstrated_is_shown_again(service: ChatService) -> None:
    task = take(service, kind="demonstration", own=True)
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    path = f"/v1/labeling/assignments/{task['id']}"
    service.post(f"{path}/demonstration", {"turns": turns}, "labeler")
    assert service.get(path, "labeler").json()["demonstrated"] == turns
