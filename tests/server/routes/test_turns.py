"""Turns of the web UI go on without their page: watched again, by any process, and stopped."""

import json
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import httpx
from chat_service import (
    HARMLESS,
    ChatService,
    Gated,
    eventually,
    listen,
    new_services,
    stored,
)

from server.chat.persist import SavedPrompt, save_response
from server.chat.response import TurnResponse
from server.generators.generator import Sampling
from tutelage.chat import running_turns
from tutelage.composition import Core
from tutelage.tables import RunningTurn

SAID = HARMLESS + "And more of it."


class Browser:
    """A guest's browser before a service."""

    def __init__(self, address: str, cookies: httpx.Cookies | None = None) -> None:
        self.client = httpx.Client(
            base_url=address, headers={"origin": address}, cookies=cookies, timeout=20
        )
        if cookies is None:
            assert self.client.post("/v1/session", json={}).status_code < 300

    def leave(self, text: str = SAID, **body: Any) -> dict[str, Any]:
        """Ask, read until the ids are known, and close the connection; the ids."""
        request = {"model": "tutelage", "stream": True, **body}
        request["messages"] = [{"role": "user", "content": text}]
        with self.client.stream("POST", "/v1/chat/completions", json=request) as response:
            for line in response.iter_lines():
                if line.startswith("data: "):
                    chunk = json.loads(line.removeprefix("data: "))
                    return {"id": chunk["id"], **chunk["tutelage"]}
        raise AssertionError("no chunk came")

    def turn(self, ids: dict[str, Any]) -> str:
        return f"/v1/conversations/{ids['conversation_id']}/turns/{ids['id']}"

    def watched(self, ids: dict[str, Any], after: str = "") -> Iterator[dict[str, Any]]:
        path = f"{self.turn(ids)}/events"
        with self.client.stream("GET", path, params={"after": after}) as response:
            assert response.status_code == 200
            for line in response.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def conversation(self, ids: dict[str, Any]) -> Any:
        return self.client.get(f"/v1/conversations/{ids['conversation_id']}").json()


def text(events: list[dict[str, Any]], choice: int = 0) -> str:
    return "".join(event["responses"][choice]["text"] for event in events)


def test_a_turn_goes_on_without_its_page_and_is_watched_from_any_place(core: Core) -> None:
    generator = Gated(free=18)
    with listen(new_services(core, generator)) as address:
        browser = Browser(address)
        ids = browser.leave(SAID)
        assert [each["id"] for each in browser.conversation(ids)["turns"]] == [ids["id"]]
        watching = browser.watched(ids)
        first = next(watching)
        generator.gate.set()
        rest = list(watching)
        assert text([first, *rest]) == SAID and rest[-1]["ended"]
        assert rest[-1]["responses"][0]["finish_reason"] == "stop"
        [again] = browser.watched(ids, after="4")  # now read from the stored message
        assert again["responses"][0]["text"] == SAID[4:] and again["after"] == str(len(SAID))
        detail = browser.conversation(ids)
        assert [each["content"] for each in detail["messages"]] == [SAID, SAID]
        assert detail["turns"] == []


def test_another_process_shows_the_turn_and_stops_it(core: Core) -> None:
    generator = Gated(free=25)
    with listen(new_services(core, generator)) as here, listen(new_services(core)) as there:
        browser = Browser(here)
        ids = browser.leave(SAID, n=2)
        other = Browser(there, browser.client.cookies)
        watching = other.watched(ids)
        seen = []
        for event in watching:
            seen.append(event)
            if text(seen):
                break
        assert SAID.startswith(text(seen))
        assert other.client.delete(other.turn(ids)).status_code == 200
        seen += list(watching)
        assert seen[-1]["ended"] and SAID.startswith(text(seen)) and text(seen) != SAID
        reasons = [each["finish_reason"] for each in browser.conversation(ids)["messages"][1:]]
        assert reasons == ["cancelled", "cancelled"]


def test_what_a_killed_process_wrote_is_kept_as_broken_off(service: ChatService) -> None:
    completion = service.ask()
    prompt = SavedPrompt(
        completion["tutelage"]["conversation_id"], completion["tutelage"]["prompt_message_id"]
    )
    begun = [{"id": "msg_broken", "text": "Once upon", "finish_reason": None}]
    store = service.core.store
    with store.write() as session:
        running_turns.begin(session, "chatcmpl-dead", *astuple(prompt), "policy-0000", begun)
        session.flush()
        row = session.get(RunningTurn, "chatcmpl-dead")
        assert row is not None
        row.expires_at = 0  # nobody renewed it for long
        session.add(row)
    running_turns.break_off(store)
    kept = stored(service, "msg_broken")
    assert (kept.content, kept.finish_reason) == ("Once upon", "error")
    with store.read() as session:
        assert session.get(RunningTurn, "chatcmpl-dead") is None
    # The process was only slow: what it wrote replaces the fragment.
    whole = TurnResponse(
        0, Sampling(), id="msg_broken", shown="Once upon a time", finish_reason="stop"
    )
    save_response(store, prompt, "chatcmpl-dead", whole)
    kept = stored(service, "msg_broken")
    assert (kept.content, kept.finish_reason) == ("Once upon a time", "stop")


def test_a_turn_whose_conversation_is_erased_is_stopped(core: Core) -> None:
    generator = Gated(free=18)
    with listen(new_services(core, generator)) as address:
        browser = Browser(address)
        ids = browser.leave(SAID)
        browser.client.delete(f"/v1/conversations/{ids['conversation_id']}")
        assert eventually(lambda: generator.running == 0)


def test_turns_of_others_and_unknown_ones_are_not_found(core: Core) -> None:
    with listen(new_services(core)) as address:
        browser = Browser(address)
        ids = browser.leave(SAID)
        stranger = Browser(address)
        path = browser.turn(ids)
        assert stranger.client.get(f"{path}/events").status_code == 404
        assert stranger.client.delete(path).status_code == 404
        assert browser.client.get(f"{path}x/events").status_code == 404
        assert browser.client.get(f"{path}/events?after=-1").status_code == 400
