"""Requests that schemathesis derives from our OpenAPI document are answered as it says.

Here what client programs use; `tutelage bench clients` tries every operation.
"""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from chat_service import ChatService, listen, new_services
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)

from server.openapi import document

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
PUBLIC = ("/v1/chat", "/v1/responses", "/v1/models", "/v1/moderations", "/v1/feedback")
DRAWN = schemathesis.openapi.from_dict(document())
OPERATIONS = [
    operation.ok()
    for operation in DRAWN.get_all_operations()
    if operation.ok().path.startswith(PUBLIC)
]
QUICK = hypothesis.settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)


@pytest.fixture(scope="module")
def address(shared: ChatService) -> Iterator[str]:
    """The service on a socket."""
    with listen(new_services(shared.core)) as url:
        yield url


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_an_operation_answers_as_documented(
    shared: ChatService, address: str, operation: Any
) -> None:
    @QUICK
    @hypothesis.given(case=operation.as_strategy())
    def check(case: Any) -> None:
        case.call_and_validate(base_url=address, headers=shared.who("user"), checks=CHECKS)

    check()
