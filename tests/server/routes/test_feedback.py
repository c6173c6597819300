"""/v1/feedback: every kind, its rules, idempotency and withdrawal."""

from typing import Any

import pytest
from chat_service import ChatService, stored
from sqlmodel import select

from training.config import SnapshotConfig
from training.derivation import derive
from tutelage.feedback import preference_data
from tutelage.people import portability
from tutelage.tables import Conversation, Feedback, Message, Report


def completion(service: ChatService, n: int = 4) -> Any:
    return service.ask("Say something", n=n)


def judge(service: ChatService, body: dict[str, Any], **headers: str) -> Any:
    return service.post("/v1/feedback", body, **headers)


def test_thumbs_keep_reasons_and_comment(service: ChatService) -> None:
    done = completion(service)
    answer = judge(service, {
        "kind": "thumbs", "completion_id": done["id"], "choice": 2, "value": "down",
        "reasons": ["wrong", "rude"], "comment": "17 + 25 is 42",
    })  # fmt: skip
    assert answer.status_code == 201
    row = answer.json()
    assert row["target"] == done["tutelage"]["message_ids"][2]
    assert row["value"] == {
        "value": "down", "reasons": ["wrong", "rude"], "comment": "17 + 25 is 42",
    }  # fmt: skip


def test_a_ranking_keeps_ties_and_the_order_shown(service: ChatService) -> None:
    done = completion(service)
    ids = done["tutelage"]["message_ids"]
    body = {"kind": "ranking", "completion_id": done["id"], "ranking": [[2], [0, 1], [3]],
            "positions": [3, 2, 1, 0]}  # fmt: skip
    row = judge(service, body).json()
    assert row["target"] == done["id"]
    assert row["value"]["ranking"] == [[ids[2]], [ids[0], ids[1]], [ids[3]]]
    with service.core.store.read() as session:
        assert session.get(Feedback, row["id"]).positions == ids[::-1]  # type: ignore[union-attr]


def test_answers_of_different_completions_can_be_ranked(service: ChatService) -> None:
    first = completion(service, 1)["tutelage"]
    again = service.ask(
        messages=[], conversation_id=first["conversation_id"], parent_id=first["prompt_message_id"]
    )["tutelage"]
    order = [again["message_ids"], first["message_ids"]]
    body = {"kind": "ranking", "parent_id": first["prompt_message_id"], "ranking": order}
    row = judge(service, body).json()
    assert (row["target"], row["value"]["ranking"]) == (first["prompt_message_id"], order)


def test_an_edit_keeps_the_text(service: ChatService) -> None:
    message_id = completion(service)["tutelage"]["message_ids"][0]
    row = judge(service, {"kind": "edit", "message_id": message_id, "text": "Better."}).json()
    assert row["value"] == {"text": "Better."}


def test_a_report_is_there_to_be_triaged(service: ChatService) -> None:
    message_id = completion(service)["tutelage"]["message_ids"][0]
    body = {"kind": "report", "message_id": message_id, "category": "bias", "comment": "Unfair."}
    assert judge(service, body).status_code == 201
    with service.core.store.read() as session:
        report = session.exec(select(Report)).one()
    assert (report.message_id, report.category, report.comment) == (message_id, "bias", "Unfair.")


def test_a_repeated_key_gives_the_same_row(service: ChatService) -> None:
    body = {"kind": "thumbs", "completion_id": completion(service)["id"], "value": "up"}
    first = judge(service, body, idempotency_key="k1")
    again = judge(service, body, idempotency_key="k1")
    assert again.status_code == 201 and again.json() == first.json()
    assert len(service.get("/v1/feedback").json()["data"]) == 1


def test_a_key_of_other_feedback_is_a_conflict(service: ChatService) -> None:
    body = {"kind": "thumbs", "completion_id": completion(service)["id"], "value": "up"}
    judge(service, body, idempotency_key="k1")
    answer = judge(service, body | {"value": "down"}, idempotency_key="k1")
    assert (answer.status_code, answer.json()["error"]["param"]) == (409, "Idempotency-Key")


def test_an_edit_in_which_nothing_is_seen_is_empty(service: ChatService) -> None:
    body = {"kind": "edit", "completion_id": completion(service, 1)["id"], "text": "\u200b \u2800"}
    answer = judge(service, body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "text")


def test_an_empty_key_is_no_key(service: ChatService) -> None:
    body = {"kind": "thumbs", "completion_id": completion(service, 1)["id"], "value": "up"}
    rows = [judge(service, body | {"value": value}, idempotency_key="") for value in ("up", "down")]
    assert [row.status_code for row in rows] == [201, 201]
    assert rows[0].json()["id"] != rows[1].json()["id"]


def test_two_people_may_use_the_same_key(service: ChatService) -> None:
    for name in ("user", "other"):
        done = service.ask(name=name)
        body = {"kind": "thumbs", "completion_id": done["id"], "value": "up"}
        assert service.post("/v1/feedback", body, name, idempotency_key="k").status_code == 201


def test_a_later_judgement_replaces_an_earlier_one(service: ChatService) -> None:
    body = {"kind": "thumbs", "completion_id": completion(service)["id"], "value": "up"}
    judge(service, body)
    later = judge(service, body | {"value": "down"}).json()
    assert [row["id"] for row in service.get("/v1/feedback").json()["data"]] == [later["id"]]


def test_reasons_of_the_old_thumb_go_with_it_and_one_can_rate_again(service: ChatService) -> None:
    body = {"kind": "thumbs", "completion_id": completion(service)["id"]}
    judge(service, body | {"value": "down", "reasons": ["too_long"], "comment": "Long."})
    up = judge(service, body | {"value": "up"}).json()
    assert up["value"] == {"value": "up", "reasons": [], "comment": ""}
    service.delete(f"/v1/feedback/{up['id']}")
    again = judge(service, body | {"value": "down"}).json()
    assert [row["id"] for row in service.get("/v1/feedback").json()["data"]] == [again["id"]]


def test_a_judgement_lands_on_the_response_that_it_names(service: ChatService) -> None:
    """After a regeneration and an edit of the prompt above, of one of three; and withheld ones."""
    first = completion(service, 3)["tutelage"]
    place = {"messages": [], "conversation_id": first["conversation_id"]}
    again = service.ask(**place, parent_id=first["prompt_message_id"])["tutelage"]
    edited = service.ask("Other", conversation_id=first["conversation_id"], parent_id=None)
    withheld = service.ask("Say vileword")["tutelage"]
    for message_id in (
        first["message_ids"][1], *again["message_ids"], *edited["tutelage"]["message_ids"],
        *withheld["message_ids"],
    ):  # fmt: skip
        body = {"kind": "thumbs", "message_id": message_id, "value": "up"}
        assert judge(service, body).json()["target"] == message_id
    prompt = {"kind": "thumbs", "message_id": first["prompt_message_id"], "value": "up"}
    assert judge(service, prompt).status_code == 400
    theirs = {"kind": "thumbs", "message_id": first["message_ids"][0], "value": "up"}
    assert service.post("/v1/feedback", theirs, "other").status_code == 404


def test_the_list_is_newest_first_and_paged(service: ChatService) -> None:
    ids = [
        judge(service, {"kind": "thumbs", "message_id": each, "value": "up"}).json()["id"]
        for each in completion(service, 3)["tutelage"]["message_ids"]
    ]
    page = service.get("/v1/feedback?limit=2").json()
    assert [row["id"] for row in page["data"]] == ids[:0:-1] and page["has_more"]
    rest = service.get(f"/v1/feedback?after={ids[1]}").json()
    assert [row["id"] for row in rest["data"]] == ids[:1] and not rest["has_more"]


def test_a_judgement_can_be_withdrawn_once(service: ChatService) -> None:
    body = {"kind": "thumbs", "completion_id": completion(service)["id"], "value": "up"}
    feedback_id = judge(service, body).json()["id"]
    assert service.delete(f"/v1/feedback/{feedback_id}").status_code == 200
    assert service.get("/v1/feedback").json()["data"] == []
    assert service.delete(f"/v1/feedback/{feedback_id}").status_code == 404


def test_only_its_author_can_withdraw_it(service: ChatService) -> None:
    body = {"kind": "thumbs", "completion_id": completion(service)["id"], "value": "up"}
    feedback_id = judge(service, body).json()["id"]
    assert service.delete(f"/v1/feedback/{feedback_id}", "other").status_code == 404
    assert len(service.get("/v1/feedback").json()["data"]) == 1


COMPLETION, MESSAGE, PROMPT = "<completion>", "<message>", "<prompt>"
THUMBS = {"kind": "thumbs", "message_id": MESSAGE, "value": "up"}
RANKING = {"kind": "ranking", "completion_id": COMPLETION, "ranking": [[0], [1]]}
EDIT = {"kind": "edit", "message_id": MESSAGE, "text": "Better."}
REPORT = {"kind": "report", "message_id": MESSAGE, "category": "hate"}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"kind": "applause"}, "kind"),
    ({}, "kind"),
    (THUMBS | {"value": "sideways"}, "value"),
    (THUMBS | {"value": None}, "value"),
    (THUMBS | {"stars": 5}, "stars"),
    (THUMBS | {"reasons": ["x"] * 11}, "reasons"),
    (THUMBS | {"reasons": ["x" * 101]}, "reasons[0]"),
    (THUMBS | {"reasons": [""]}, "reasons[0]"),
    (THUMBS | {"comment": "x" * 4001}, "comment"),
    (THUMBS | {"comment": "\x00"}, "comment"),
    (THUMBS | {"completion_id": COMPLETION}, "completion_id"),
    ({"kind": "thumbs", "value": "up"}, "completion_id"),
    ({"kind": "thumbs", "value": "up", "completion_id": COMPLETION, "choice": 9}, "choice"),
    ({"kind": "thumbs", "value": "up", "completion_id": COMPLETION, "choice": -1}, "choice"),
    ({"kind": "thumbs", "value": "up", "completion_id": COMPLETION, "choice": True}, "choice"),
    (THUMBS | {"message_id": PROMPT}, "message_id"),
    (RANKING | {"ranking": []}, "ranking"),
    (RANKING | {"ranking": [[0]]}, "ranking"),
    (RANKING | {"ranking": [[0], [0]]}, "ranking"),
    (RANKING | {"ranking": [[0], [7]]}, "ranking"),
    (RANKING | {"ranking": [[0], [], [1]]}, "ranking"),
    (RANKING | {"ranking": [0, 1]}, "ranking[0]"),
    (RANKING | {"ranking": [[0], ["msg_1"]]}, "ranking"),
    (RANKING | {"positions": [0]}, "positions"),
    (RANKING | {"positions": [0, 0, 1]}, "positions"),
    (RANKING | {"positions": [0, 1, 9]}, "positions"),
    (RANKING | {"parent_id": PROMPT}, "parent_id"),
    ({"kind": "ranking", "ranking": [[0], [1]]}, "completion_id"),
    (EDIT | {"text": ""}, "text"),
    (EDIT | {"text": "  \n"}, "text"),
    (EDIT | {"text": "Say something "}, "text"),
    (EDIT | {"text": "x" * 32_001}, "text"),
    (REPORT | {"category": ""}, "category"),
    (REPORT | {"category": "x" * 101}, "category"),
]


@pytest.mark.parametrize(("body", "param"), BAD, ids=lambda each: str(each)[:70])
def test_bad_feedback_is_named(shared: ChatService, body: dict[str, Any], param: str) -> None:
    done = completion(shared, 2)
    real = {COMPLETION: done["id"], MESSAGE: done["tutelage"]["message_ids"][0],
            PROMPT: done["tutelage"]["prompt_message_id"]}  # fmt: skip
    sent = {key: real.get(value, value) if isinstance(value, str) else value
            for key, value in body.items()}  # fmt: skip
    answer = judge(shared, sent)
    assert answer.status_code == 400, answer.text
    assert (answer.json()["error"]["param"] or "") == param
    assert done["id"] not in shared.get("/v1/feedback").text


@pytest.mark.parametrize(
    "body",
    [
        THUMBS | {"message_id": "msg_unknown"},
        {"kind": "thumbs", "value": "up", "completion_id": "chatcmpl-unknown"},
        RANKING | {"completion_id": "chatcmpl-unknown"},
        {"kind": "ranking", "parent_id": "msg_unknown", "ranking": [["a"], ["b"]]},
    ],
)
def test_feedback_on_nothing_is_404(shared: ChatService, body: dict[str, Any]) -> None:
    assert judge(shared, body).status_code == 404


def test_feedback_on_anothers_answers_is_404(service: ChatService) -> None:
    done = completion(service, 2)
    turn = done["tutelage"]
    for body in (
        THUMBS | {"message_id": turn["message_ids"][0]},
        RANKING | {"completion_id": done["id"]},
        {"kind": "ranking", "parent_id": turn["prompt_message_id"],
         "ranking": [[each] for each in turn["message_ids"]]},
    ):  # fmt: skip
        assert service.post("/v1/feedback", body, "other").status_code == 404
    assert service.get("/v1/feedback").json()["data"] == []


def learned(service: ChatService, **config: Any) -> Any:
    with service.core.store.read() as session:
        return derive(preference_data.read(session), SnapshotConfig(**config))


def test_a_flagged_edit_is_stored_told_and_not_learned_from(service: ChatService) -> None:
    message_id = service.ask()["tutelage"]["message_ids"][0]
    edit = {"kind": "edit", "message_id": message_id, "text": "A vileword."}
    given = service.post("/v1/feedback", edit)
    assert given.status_code == 201 and given.json()["moderation"]["action"] == "block"
    assert given.json()["moderation"]["categories"] == ["hate"]
    assert not learned(service).demonstrations and not learned(service).rankings
    assert len(learned(service, flagged=True).demonstrations) == 1
    service.post("/v1/feedback", edit | {"text": "A kind word."})
    assert len(learned(service).demonstrations) == 1
    assert 'side="feedback"' in service.get("/metrics", "operator").text


def test_a_comment_is_moderated_and_its_thumb_still_counts(service: ChatService) -> None:
    message_id = service.ask()["tutelage"]["message_ids"][0]
    thumb = {"kind": "thumbs", "message_id": message_id, "value": "up", "comment": "A lewdword"}
    assert service.post("/v1/feedback", thumb).json()["moderation"]["action"] == "warn"
    assert len(learned(service).thumbs) == 1


@pytest.mark.parametrize("reason", ["cancelled", "error"])
def test_a_fragment_is_not_learned_from(service: ChatService, reason: str) -> None:
    message_id = service.ask()["tutelage"]["message_ids"][0]
    service.post("/v1/feedback", {"kind": "thumbs", "message_id": message_id, "value": "up"})
    assert len(learned(service, liked=5).demonstrations) == 1
    with service.core.store.write() as session:
        session.get_one(Message, message_id).finish_reason = reason
    assert not learned(service).thumbs and not learned(service, liked=5).demonstrations


def test_an_answer_cut_at_the_limit_is_judged_and_not_imitated(service: ChatService) -> None:
    message_id = service.ask(max_tokens=1)["tutelage"]["message_ids"][0]
    service.post("/v1/feedback", {"kind": "thumbs", "message_id": message_id, "value": "up"})
    assert len(learned(service).thumbs) == 1 and not learned(service, liked=5).demonstrations


@pytest.mark.parametrize(("value", "reason"), [("up", "incorrect"), ("down", "correct")])
def test_a_reason_of_the_other_thumb_is_refused(
    service: ChatService, value: str, reason: str
) -> None:
    message_id = service.ask()["tutelage"]["message_ids"][0]
    thumb = {"kind": "thumbs", "message_id": message_id, "value": value, "reasons": [reason]}
    refused = service.post("/v1/feedback", thumb)
    assert refused.status_code in (400, 422) and "contradicts" in refused.text


def test_an_edit_keeps_its_indentation(service: ChatService) -> None:
    message_id = service.ask()["tutelage"]["message_ids"][0]
    text = "    if x:\n        y()\n"
    service.post("/v1/feedback", {"kind": "edit", "message_id": message_id, "text": text})
    assert learned(service).demonstrations[0]["messages"][-1]["content"] == text


def test_a_copied_response_is_noted_once_and_only_where_training_is_allowed(
    service: ChatService,
) -> None:
    allowed, kept_back = (
        service.ask(x_tutelage_training=training)["tutelage"]["message_ids"][0]
        for training in ("on", "off")
    )
    noted = []
    for message_id in (allowed, allowed, kept_back):
        answer = service.post(f"/v1/feedback/copied/{message_id}")
        assert answer.status_code == 204 and "content-type" not in answer.headers
        noted.append(stored(service, message_id).copied_at)
    assert noted[0] is not None and noted == [noted[0], noted[0], None]
    assert service.get("/v1/feedback").json()["data"] == []  # it is no opinion
    with service.core.store.read() as session:
        chat = session.get_one(Conversation, stored(service, allowed).conversation_id)
        exported = portability.export(session, chat)["messages"]
    assert [each["copied_at"] for each in exported] == [None, noted[0]]


def test_a_response_of_another_cannot_be_noted_as_copied(service: ChatService) -> None:
    message_id = completion(service, 1)["tutelage"]["message_ids"][0]
    assert service.post(f"/v1/feedback/copied/{message_id}", name="other").status_code == 404
    assert stored(service, message_id).copied_at is None
