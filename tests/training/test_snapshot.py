"""Rows become training data: only what stands, is consented and was not blocked; same in, same out.

The rows are made by hypothesis: conversations of one prompt with some answers, and judgements of
these that may be superseded, withdrawn, tied, unconsented or blocked.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import derivation, snapshot
from training.config import SnapshotConfig
from training.iteration.stages import spare_prompts
from tutelage.errors import Unavailable
from tutelage.feedback import preference_data
from tutelage.feedback.feedback import effective
from tutelage.feedback.preference_data import Rows
from tutelage.tables import Conversation, Feedback, FeedbackKind, Message

CONFIG = SnapshotConfig(held_out=0.3)
ANSWERS = 3


def conversation(number: int, training: bool = True, first_user_message: str | None = None) -> Rows:
    """One conversation: a prompt and three answers, not judged yet."""
    name = f"conv_{number:03d}"
    prompt = Message(
        id=f"msg_{number:03d}", conversation_id=name, role="user",
        content=f"question {number}" if first_user_message is None else first_user_message,
    )  # fmt: skip
    answers = [
        Message(
            id=f"msg_{number:03d}_{choice}", conversation_id=name, parent_id=prompt.id,
            role="assistant", content=f"answer {choice} to {number}",
            completion_id=f"chatcmpl-{number}", choice=choice,
        )
        for choice in range(ANSWERS)
    ]  # fmt: skip
    owner = Conversation(id=name, owner_id="user_a", training=training)
    return Rows([owner], [prompt, *answers], [], frozenset())


def judged(rows: Rows, *feedback: Feedback, blocked: frozenset[str] = frozenset()) -> Rows:
    return Rows(rows.conversations, rows.messages, [*rows.feedback, *feedback], blocked)


def joined(parts: list[Rows]) -> Rows:
    return Rows(
        [row for part in parts for row in part.conversations],
        [row for part in parts for row in part.messages],
        [row for part in parts for row in part.feedback],
        frozenset(name for part in parts for name in part.blocked),
    )


def feedback(
    kind: FeedbackKind, number: int, order: int, value: dict[str, Any], target: str | None = None
) -> Feedback:
    return Feedback(
        id=f"fb_{number:03d}_{order}", kind=kind, author_id="user_a",
        conversation_id=f"conv_{number:03d}", target=target or f"msg_{number:03d}_0", value=value,
    )  # fmt: skip


def ranking(number: int, places: list[int], order: int = 0) -> Feedback:
    """A ranking that gives answer i the place ``places[i]``; equal places are ties."""
    groups = [
        [f"msg_{number:03d}_{i}" for i, place in enumerate(places) if place == wanted]
        for wanted in sorted(set(places))
    ]
    return feedback(FeedbackKind.RANKING, number, order, {"ranking": groups}, f"chatcmpl-{number}")


def thumbs(number: int, up: bool, order: int = 0) -> Feedback:
    return feedback(FeedbackKind.THUMBS, number, order, {"value": "up" if up else "down"})


def edit(number: int, text: str, order: int = 0) -> Feedback:
    return feedback(FeedbackKind.EDIT, number, order, {"text": text})


def withdrawal(row: Feedback) -> Feedback:
    return Feedback(
        id=f"{row.id}_w", kind=FeedbackKind.WITHDRAWAL, author_id=row.author_id,
        conversation_id=row.conversation_id, target=row.id, value={},
    )  # fmt: skip


def derive(rows: Rows, **config: Any) -> snapshot.Snapshot:
    return derivation.derive(rows, SnapshotConfig(**config) if config else CONFIG)


@st.composite
def conversations(draw: st.DrawFn) -> Rows:
    """Several conversations with every kind of judgement and every reason to leave one out."""
    parts = []
    for number in range(draw(st.integers(1, 5))):
        rows = conversation(number, draw(st.booleans()), draw(st.sampled_from(["", "a", "b", "c"])))
        given: list[Feedback] = []
        for order in range(draw(st.integers(0, 4))):
            places = draw(st.lists(st.integers(0, 2), min_size=ANSWERS, max_size=ANSWERS))
            text = draw(st.sampled_from(["", "  ", "better", f"answer 0 to {number}"]))
            row = draw(st.sampled_from([
                ranking(number, places, order), thumbs(number, bool(places[0]), order),
                edit(number, text, order),
            ]))  # fmt: skip
            given += [row, withdrawal(row)] if draw(st.integers(0, 3)) == 0 else [row]
        ids = [message.id for message in rows.messages]
        blocked = frozenset(draw(st.lists(st.sampled_from(ids), max_size=1)))
        parts.append(judged(rows, *given, blocked=blocked))
    return numbered(joined(parts))


def numbered(rows: Rows) -> Rows:
    """As the database keeps them: each row has its place in the order of writing."""
    for place, row in enumerate([*rows.conversations, *rows.messages, *rows.feedback]):
        row.seq = place + 1
    return rows


def everything(found: snapshot.Snapshot) -> list[dict[str, Any]]:
    return [*found.rankings, *found.thumbs, *found.demonstrations, *found.prompts]


@given(conversations())
def test_nothing_comes_from_a_conversation_without_consent(rows: Rows) -> None:
    consented = {row.id for row in rows.conversations if row.training}
    assert {row["conversation_id"] for row in everything(derive(rows))} <= consented


@given(conversations())
def test_nothing_withdrawn_or_superseded_is_learned(rows: Rows) -> None:
    found = derive(rows)
    withdrawn = {row.target for row in rows.feedback if row.kind == FeedbackKind.WITHDRAWAL}
    used = [row["id"] for row in [*found.rankings, *found.thumbs]]
    targets = [(r.kind, r.target) for r in rows.feedback if r.id in used]
    assert withdrawn.isdisjoint(used)
    assert len(set(targets)) == len(targets)


@given(conversations())
def test_what_stands_is_learned_from_or_left_out_with_a_reason(rows: Rows) -> None:
    found = derive(rows)
    learned = {row["id"] for row in [*found.rankings, *found.thumbs, *found.demonstrations]}
    reasons = derivation.left_out(rows, CONFIG)
    assert not learned & set(reasons)
    assert learned | set(reasons) == {row.id for row in effective(rows.feedback)}
    consenting = {row.id for row in rows.conversations if row.training}
    refused = {row.id for row in rows.feedback if row.conversation_id not in consenting}
    assert {name for name, reason in reasons.items() if reason == "consent"} == refused & set(
        reasons
    )


@given(conversations())
def test_no_text_that_moderation_blocked_is_learned(rows: Rows) -> None:
    blocked = {message.content for message in rows.messages if message.id in rows.blocked}
    clean = {message.content for message in rows.messages if message.id not in rows.blocked}
    texts = json.dumps([
        {key: value for key, value in row.items() if key in ("prompt", "responses", "response")}
        for row in everything(derive(rows))
    ])  # fmt: skip
    assert not [text for text in blocked - clean if text and f'"{text}"' in texts]


@given(conversations())
def test_ranks_are_dense_and_one_for_each_response(rows: Rows) -> None:
    for row in derive(rows).rankings:
        assert len(row["ranks"]) == len(row["responses"]) >= 2
        assert sorted(set(row["ranks"])) == list(range(len(set(row["ranks"]))))


@given(conversations())
def test_conversations_that_begin_alike_are_on_one_side(rows: Rows) -> None:
    sides: dict[str, set[str]] = {}
    for row in derive(rows).prompts:
        sides.setdefault(row["prompt"][0]["content"], set()).add(row["split"])
    assert all(len(found) == 1 for found in sides.values())


@given(conversations(), st.randoms())
def test_the_same_rows_in_any_order_give_the_same_bytes(rows: Rows, random: Any) -> None:
    shuffled = Rows(
        random.sample(list(rows.conversations), len(rows.conversations)),
        random.sample(list(rows.messages), len(rows.messages)),
        random.sample(list(rows.feedback), len(rows.feedback)),
        rows.blocked,
    )
    assert derive(rows) == derive(shuffled)


@given(st.lists(st.text(), min_size=200, max_size=200, unique=True))
def test_the_share_held_out_is_about_what_was_asked(first_user_messages: list[str]) -> None:
    sides = [snapshot.split_of(f"prompt {text}", 0.3) for text in first_user_messages]
    assert 0.1 < sides.count("held_out") / len(sides) < 0.5


def test_a_ranking_keeps_its_ties() -> None:
    (row,) = derive(judged(conversation(1), ranking(1, [1, 0, 1]))).rankings
    by_text = dict(zip(row["responses"], row["ranks"], strict=True))
    assert by_text == {"answer 1 to 1": 0, "answer 0 to 1": 1, "answer 2 to 1": 1}


def test_an_edit_beats_the_original_and_is_a_demonstration() -> None:
    found = derive(judged(conversation(1), edit(1, "better")))
    assert [(r["kind"], r["responses"], r["ranks"]) for r in found.rankings] == [
        ("edit", ["better", "answer 0 to 1"], [0, 1])
    ]
    assert found.demonstrations[0]["messages"] == [
        {"role": "user", "content": "question 1"}, {"role": "assistant", "content": "better"}
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "  ", "answer 0 to 1"])
def test_an_edit_that_says_nothing_new_is_left_out(text: str) -> None:
    found = derive(judged(conversation(1), edit(1, text)))
    assert found.rankings == found.demonstrations == []


def test_a_later_ranking_replaces_the_earlier() -> None:
    rows = judged(conversation(1), ranking(1, [0, 1, 2]), ranking(1, [2, 1, 0], order=1))
    (row,) = derive(rows).rankings
    assert row["id"] == "fb_001_1"


def test_a_blocked_answer_leaves_the_rest_of_its_ranking() -> None:
    rows = judged(conversation(1), ranking(1, [0, 1, 2]), blocked=frozenset({"msg_001_0"}))
    (row,) = derive(rows).rankings
    assert (row["responses"], row["ranks"]) == (["answer 1 to 1", "answer 2 to 1"], [0, 1])


def test_a_blocked_prompt_leaves_nothing() -> None:
    rows = judged(conversation(1), ranking(1, [0, 1, 2]), blocked=frozenset({"msg_001"}))
    assert everything(derive(rows)) == []


def test_liked_answers_fill_the_demonstrations_up() -> None:
    rows = joined([judged(conversation(n), thumbs(n, True)) for n in range(4)])
    rows = judged(rows, edit(0, "better", order=1))
    kinds = [row["kind"] for row in derive(rows, liked=3).demonstrations]
    assert kinds == ["edit", "liked", "liked"]
    assert [row["kind"] for row in derive(rows).demonstrations] == ["edit"]


def test_a_demonstration_is_learned_with_its_whole_dialogue() -> None:
    shown = feedback(FeedbackKind.DEMONSTRATION, 1, 0, {})
    (row,) = derive(judged(conversation(1), shown)).demonstrations
    assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
    assert row["kind"] == "demonstration"


def test_the_same_prompt_is_kept_once() -> None:
    rows = joined(
        [conversation(1, first_user_message="hello"), conversation(2, first_user_message="hello")]
    )
    assert len(derive(rows).prompts) == 1


def test_what_was_written_reads_back_with_the_same_digest(tmp_path: Path) -> None:
    found = derive(judged(conversation(1), ranking(1, [0, 1, 1]), thumbs(1, True)))
    first = snapshot.write(found, tmp_path / "one")
    second = snapshot.write(found, tmp_path / "two")
    assert first == second
    assert snapshot.load(tmp_path / "one") == found


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_spare_prompts_carry_the_system_prompts_by_their_share(share: float) -> None:
    system = {"role": "system", "content": "Be brief."}
    asked = [[{"role": "user", "content": f"question {n}"}] for n in range(10)]
    prompts = [[system, *each] if n < 10 * share else each for n, each in enumerate(asked)]
    frozen = snapshot.Snapshot([], [], [], [{"prompt": prompt} for prompt in prompts])
    spare = spare_prompts(frozen)
    found = sum(preference_data.system_prompt(each) == [system] for each in spare) / len(spare)
    assert found == pytest.approx(share, abs=0.1)
    assert all(each[-1]["role"] == "user" for each in spare)


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    snapshot.write(derive(judged(conversation(1), ranking(1, [0, 1, 1]))), tmp_path)
    with (tmp_path / "rankings.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(Unavailable, match=r"rankings\.jsonl .* has changed"):
        snapshot.load(tmp_path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="Delete the folder"):
        snapshot.load(tmp_path)


def test_only_answers_that_were_drawn_plainly_are_logged_for_reuse() -> None:
    rows = conversation(1)
    plain, warm, stopped = rows.messages[1:]
    for message in rows.messages[1:]:
        message.token_ids, message.logprobs, message.finish_reason = [5, 6], [-1.0, -2.0], "stop"
        message.sampling = {"temperature": 1.0, "top_p": 1.0, "stop": [], "max_tokens": 9}
    warm.sampling = {"temperature": 0.7}
    stopped.finish_reason = "cancelled"
    (found,) = preference_data.logged(rows)
    assert (found.token_ids, found.logprobs) == (plain.token_ids, plain.logprobs)
    assert found.prompt == [{"role": "user", "content": "question 1"}]
    assert not preference_data.logged(judged(rows, blocked=frozenset({plain.id})))
    assert not preference_data.logged(judged(rows, blocked=frozenset({rows.messages[0].id})))


def test_the_best_response_of_a_ranking_is_the_first_of_those_in_the_first_place() -> None:
    rows = joined([conversation(number) for number in range(4)])
    given = [ranking(0, [2, 0, 1]), ranking(1, [1, 0, 0]), ranking(2, [0, 0, 0]), edit(3, "better")]
    found = snapshot.best_responses(derive(judged(rows, *given)).rankings)
    assert [[turn["content"] for turn in row["messages"]] for row in found] == [
        ["question 0", "answer 1 to 0"],
        ["question 1", "answer 1 to 1"],
    ]


def test_a_best_response_without_a_word_is_left_out() -> None:
    row = {"kind": "ranking", "prompt": [], "responses": ["\n", "some"], "ranks": [0, 1]}
    assert snapshot.best_responses([row]) == []
