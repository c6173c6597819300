"""Where a request belongs in the stored tree, and the dialogue that the generator reads."""

from typing import Any

from chat_service import ChatService, new_services, serve

from server.generators.echo import EchoGenerator
from tutelage.composition import Core


def test_a_conversation_continues_from_its_newest_answer(service: ChatService) -> None:
    first = service.ask("First", n=2)
    conversation_id = first["tutelage"]["conversation_id"]
    second = service.ask("Second", conversation_id=conversation_id)
    messages = service.conversation(second)["messages"]
    assert [message["content"] for message in messages] == [
        "First",
        "First",
        "First",
        *["Second"] * 2,
    ]
    assert messages[3]["parent_id"] == first["tutelage"]["message_ids"][0]


def test_the_generator_reads_the_path_to_the_parent(core: Core) -> None:
    seen: list[Any] = []

    def reply(messages: Any) -> str:
        seen.append([(each["role"], each["content"]) for each in messages])
        return "Yes."

    with serve(new_services(core, EchoGenerator(reply, policy_id=None)), core) as service:
        first = service.ask("First")
        service.ask("Second", conversation_id=first["tutelage"]["conversation_id"])
    assert seen[1] == [("user", "First"), ("assistant", "Yes."), ("user", "Second")]


def test_a_user_message_as_parent_is_answered_again(service: ChatService) -> None:
    first = service.ask("Again")["tutelage"]
    again = service.ask(
        messages=[],
        conversation_id=first["conversation_id"],
        parent_id=first["prompt_message_id"],
    )
    assert again["tutelage"]["prompt_message_id"] == first["prompt_message_id"]
    assert len(service.conversation(again)["messages"]) == 3


def test_null_as_parent_edits_the_first_prompt(service: ChatService) -> None:
    first = service.ask("Draft")
    edited = service.ask(
        "Better", conversation_id=first["tutelage"]["conversation_id"], parent_id=None
    )
    prompts = [m for m in service.conversation(edited)["messages"] if m["role"] == "user"]
    assert [(each["content"], each["parent_id"]) for each in prompts] == [
        ("Draft", None), ("Better", None),
    ]  # fmt: skip


def test_developer_messages_are_system_messages(service: ChatService) -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    ]
    kept = service.conversation(service.ask(messages=messages))["messages"]
    assert [(each["role"], each["content"]) for each in kept] == [
        ("system", "Be brief."), ("user", "Hi"), ("assistant", "Hi"),
    ]  # fmt: skip
