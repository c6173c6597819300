"""What tests can make the fake say."""

import asyncio

from server.generators.echo import EchoGenerator
from server.generators.generator import Sampling


def said(generator: EchoGenerator, content: str) -> str:
    async def main() -> str:
        messages = [{"role": "user", "content": content}]
        stream = await generator.start(messages, Sampling())
        return "".join([token.text async for token in stream])

    return asyncio.run(main())


def test_it_echoes_word_by_word() -> None:
    assert said(EchoGenerator(), "  Good\nmorning, all ") == "  Good\nmorning, all "


def test_it_says_what_is_scripted_and_echoes_the_rest() -> None:
    generator = EchoGenerator({"ping": "pong"})
    assert [said(generator, text) for text in ("ping", "hello")] == ["pong", "hello"]


def test_a_function_of_the_messages_may_answer() -> None:
    generator = EchoGenerator(lambda messages: f"{len(messages)} so far")
    assert said(generator, "count") == "1 so far"
