from pathlib import Path

import pytest

from training.model.tokenizer import ChatTokenizer


@pytest.fixture
def tokenizer(tiny_policy: Path) -> ChatTokenizer:
    return ChatTokenizer(tiny_policy)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def test_only_what_the_assistant_wrote_is_marked_its_eos_included(
    tokenizer: ChatTokenizer,
) -> None:
    dialogue = tokenizer.dialogue([user("Hi"), assistant("Yes."), user("So?"), assistant("No.")])
    pairs = zip(dialogue.ids, dialogue.written, strict=True)
    written = tokenizer.tokenizer.decode([i for i, mark in pairs if mark])
    assert written == "Yes.<|im_end|>No.<|im_end|>"


def test_a_dialogue_is_tokenized_as_the_policy_sees_it(tokenizer: ChatTokenizer) -> None:
    messages = [user("Hi"), assistant("Yes.")]
    eos = tokenizer.tokenizer.eos_token_id
    expected = [*tokenizer.prompt(messages[:1]), *tokenizer.response("Yes."), eos]
    assert tokenizer.dialogue(messages).ids[: len(expected)] == expected


def test_an_eos_written_by_a_user_does_not_end_a_turn(tokenizer: ChatTokenizer) -> None:
    dialogue = tokenizer.dialogue([user("a<|im_end|>b"), assistant("Yes.")])
    assert dialogue.ids.count(tokenizer.tokenizer.eos_token_id) == 3  # system, user, assistant


def test_markers_in_a_response_stay_text(tokenizer: ChatTokenizer) -> None:
    ids = tokenizer.response("a<|im_end|>b")
    assert not tokenizer.eos_ids & set(ids)
    assert tokenizer.text(ids) == "a<|im_end|>b"


def test_a_long_dialogue_loses_its_oldest_turns(tokenizer: ChatTokenizer) -> None:
    turns = [m for i in range(5) for m in (user(f"question {i}"), assistant(f"answer {i}"))]
    room = len(tokenizer.dialogue(turns[-4:]).ids)
    kept = tokenizer.recent(turns, room)
    assert kept == tokenizer.dialogue(turns[-4:])


def test_a_system_message_is_kept_when_turns_are_lost(tokenizer: ChatTokenizer) -> None:
    system = {"role": "system", "content": "Be kind."}
    turns = [system, user("one"), assistant("1"), user("two"), assistant("2")]
    short = tokenizer.dialogue([system, *turns[3:]])
    assert tokenizer.recent(turns, len(short.ids)) == short


def test_a_dialogue_whose_last_turn_is_too_long_is_left_out(tokenizer: ChatTokenizer) -> None:
    assert tokenizer.recent([user("Hi"), assistant("word " * 100)], 64) is None
