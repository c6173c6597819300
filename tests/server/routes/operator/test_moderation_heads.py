"""Learning from appeals by the API: consent, erasure, what is in force, and going back."""

from collections.abc import Iterator
from typing import Any

import pytest
from chat_service import WORDS, ChatService, eventually, new_services, serve

from moderation.appeals import registry
from moderation.classifier import KeywordClassifier
from moderation.classifiers.hot_swap import SwappableClassifier
from server import moderation_watcher
from server.moderation_watcher import ModerationWatcher
from tutelage.composition import Core

PATH = "/v1/operator/moderation/learned"


@pytest.fixture
def service(core: Core) -> Iterator[ChatService]:
    """A service whose classifier can be exchanged."""
    services = new_services(core)
    switched = SwappableClassifier(KeywordClassifier(WORDS))
    with serve(services.__class__(**vars(services) | {"classifier": switched}), core) as running:
        yield running


def appealed(service: ChatService, holds: int, **headers: str) -> str:
    """A blocked prompt whose appeal is decided; its conversation."""
    completion = service.ask("Review the film Threatword, please.", **headers)
    message = completion["tutelage"]["prompt_message_id"]
    service.post(f"/v1/messages/{message}/appeal", {})
    (case,) = service.get("/v1/operator/appeals?state=open", "operator").json()["data"]
    labels = dict.fromkeys(case["categories"], holds)
    service.post(f"/v1/operator/appeals/{case['id']}", {"labels": labels}, "operator")
    return str(completion["tutelage"]["conversation_id"])


def learning(service: ChatService) -> Any:
    return service.get(PATH, "operator").json()


def put(service: ChatService, version: str | None, name: str = "operator") -> Any:
    return service.client.put(PATH, json={"version": version}, headers=service.who(name))


def test_what_may_not_be_trained_on_is_not_learned_from(service: ChatService) -> None:
    appealed(service, 0, x_tutelage_training="off")
    assert (learning(service)["decisions"], learning(service)["withheld"]) == (0, 1)
    refused = service.post(PATH, name="operator")
    assert refused.status_code == 409


def test_heads_learn_are_put_in_force_and_taken_back(service: ChatService) -> None:
    conversation = appealed(service, 0)
    made = service.post(PATH, name="operator").json()
    assert (made["decisions"], made["no_longer_allowed"]) == (1, 0)
    assert learning(service)["in_force"] is None

    assert put(service, made["version"]).json()["in_force"] == made["version"]
    heads = ModerationWatcher(service.services)
    heads.refresh()
    assert learning(service)["running"] == made["version"]

    service.delete(f"/v1/conversations/{conversation}")
    (after,) = learning(service)["heads"]
    assert after["no_longer_allowed"] == 1 and learning(service)["decisions"] == 0

    put(service, None)
    heads.refresh()
    assert learning(service)["running"] != made["version"]


def test_heads_that_cannot_be_read_leave_the_old_ones(service: ChatService, core: Core) -> None:
    with core.store.write() as session:
        kept = registry.folder(core.settings.data, core.storage)
        (kept / "broken").mkdir(parents=True)
        description = '{"version": "broken", "created_at": 0}'
        (kept / "broken" / registry.DESCRIPTION).write_text(description)
        registry.activate(session, kept, "broken", "test")
    watcher = ModerationWatcher(service.services)
    watcher.refresh()
    assert service.services.classifier.version == "keyword-1"
    assert watcher.problem is not None and "no readable moderation heads" in watcher.problem


def test_heads_that_could_not_be_loaded_are_tried_again(
    service: ChatService, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = service.post(PATH, name="operator") if appealed(service, 0) else None
    assert made is not None
    version = made.json()["version"]
    watcher = ModerationWatcher(service.services)
    with monkeypatch.context() as away:
        away.setattr(moderation_watcher, "open_classifier", raise_oserror)
        put(service, version)
        watcher.refresh()
        assert eventually(lambda: "OSError" in (learning(service)["load_error"] or ""))
        assert watcher.problem is not None
    watcher.refresh()
    assert watcher.problem is not None  # not at once
    watcher._retry_at = 0.0
    watcher.refresh()
    assert watcher.problem is None and service.services.classifier.version == version


def raise_oserror(*_: Any) -> None:
    raise OSError("shared storage is away")


def test_unknown_heads_are_refused_and_only_operators_choose(service: ChatService) -> None:
    assert put(service, "minilm-none").status_code == 404
    assert put(service, None, "user").status_code == 403
    assert service.post(PATH).status_code == 403
