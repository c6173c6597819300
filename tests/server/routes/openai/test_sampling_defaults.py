"""What a request is sampled with: its own parameters, or the operator's defaults."""

from typing import Any

import pytest
from chat_service import ChatService, new_services, serve, stored

from tutelage.composition import Core

DEFAULTS = {"temperature": 0.5, "top_p": 0.95, "frequency_penalty": 0.2}
PROTOCOL = {"temperature": 1.0, "top_p": 1.0, "frequency_penalty": 0.0}


def sampled(service: ChatService, completion: Any) -> dict[str, Any]:
    row = stored(service, completion["tutelage"]["message_ids"][0])
    assert row.sampling
    return {name: row.sampling[name] for name in PROTOCOL}


def test_a_request_without_sampling_parameters_gets_the_operators(service: ChatService) -> None:
    assert sampled(service, service.ask()) == DEFAULTS


@pytest.mark.parametrize("own", [{"temperature": 0}, {"top_p": 0.5}, {"presence_penalty": 0.0}])
def test_one_parameter_brings_the_protocols_defaults(
    service: ChatService, own: dict[str, float]
) -> None:
    assert sampled(service, service.ask(**own)) == PROTOCOL | {
        name: value for name, value in own.items() if name in PROTOCOL
    }


def test_several_choices_differ_by_default(service: ChatService) -> None:
    assert sampled(service, service.ask(n=2)) == DEFAULTS | {"temperature": 0.8}


def test_operators_set_the_defaults_and_responses_tell_them(core: Core) -> None:
    services = new_services(core, temperature=0.1, top_p=0.2, frequency_penalty=0.0)
    with serve(services, core) as service:
        body = {"model": "tutelage", "input": "Hello"}
        told = service.post("/v1/responses", body).json()
    assert (told["temperature"], told["top_p"], told["frequency_penalty"]) == (0.1, 0.2, 0.0)
