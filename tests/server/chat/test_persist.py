"""What is stored of a turn."""

import pytest
from chat_service import ChatService, stored

from server.chat.persist import SavedPrompt, save_response
from server.chat.response import TurnResponse
from server.generators.generator import Sampling
from tutelage.composition import Core
from tutelage.tables import Message


def test_an_answer_is_stored_below_its_prompt(service: ChatService) -> None:
    completion = service.ask("Good morning")
    prompt, answer = service.conversation(completion)["messages"]
    assert (prompt["role"], prompt["content"], prompt["parent_id"]) == (
        "user",
        "Good morning",
        None,
    )
    assert (answer["content"], answer["parent_id"]) == ("Good morning", prompt["id"])
    assert answer["id"] == completion["tutelage"]["message_ids"][0]


def test_an_answer_keeps_how_it_was_sampled(service: ChatService) -> None:
    completion = service.ask("one two", temperature=0.5, top_p=0.9, seed=7, max_tokens=20, stop="x")
    message = stored(service, completion["tutelage"]["message_ids"][0])
    assert message.sampling == {
        "temperature": 0.5, "top_p": 0.9, "seed": 7, "max_tokens": 20, "stop": ["x"],
        "top_k": 0, "presence_penalty": 0, "frequency_penalty": 0, "logit_bias": {},
        "schema": None, "top_logprobs": 0, "tools": None, "min_p": 0, "repetition_penalty": 1,
        "continued": 0, "ignore_eos": False,
    }  # fmt: skip
    assert message.policy_id == "policy-0000" and message.prompt_tokens == 2
    assert message.seconds and 0 < message.seconds < 60
    assert len(message.token_ids or []) == len(message.logprobs or []) == 3  # with the end's


def test_choices_are_siblings_with_seeds_of_their_own(service: ChatService) -> None:
    completion = service.ask(n=3, seed=5)
    messages = [stored(service, each) for each in completion["tutelage"]["message_ids"]]
    assert [message.choice for message in messages] == [0, 1, 2]
    assert {message.parent_id for message in messages} == {
        completion["tutelage"]["prompt_message_id"]
    }
    assert [(message.sampling or {})["seed"] for message in messages] == [5, 6, 7]


@pytest.mark.parametrize(("header", "training"), [(None, True), ("on", True), ("off", False)])
def test_one_call_can_opt_out_of_training(
    service: ChatService, header: str | None, training: bool
) -> None:
    headers = {"x_tutelage_training": header} if header else {}
    assert service.conversation(service.ask(**headers))["training"] is training


def test_opting_out_later_withdraws_the_conversation(service: ChatService) -> None:
    first = service.ask()
    conversation_id = first["tutelage"]["conversation_id"]
    later = service.ask(conversation_id=conversation_id, x_tutelage_training="off")
    assert service.conversation(later)["training"] is False


def test_erasing_while_an_answer_is_written_keeps_nothing(core: Core) -> None:
    prompt = SavedPrompt("conv_gone", "msg_gone")
    save_response(core.store, prompt, "chatcmpl-1", TurnResponse(0, Sampling(), id="msg_1"))
    with core.store.read() as session:
        assert session.get(Message, "msg_1") is None
