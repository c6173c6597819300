"""Whatever is sent, and whatever the clock does, the answer is 2xx or 4xx in OpenAI's shape.

Requests are derived from the OpenAPI document: bodies and parameters of the right shape, mixed with
hostile text, wrong types, and ids that other requests have left behind, in any order. The fixed
number of requests for each operation is raised by ``pytest --requests N``.
"""

import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from chat_service import ADA, HOME, ChatService, new_key, publish
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from server.openapi import document
from tutelage.tables import Role

DOCUMENT = document()
HOUR, DAY = 3600, 86_400
CLOCKS = st.sampled_from([0, 0, 0, -HOUR, HOUR, -DAY, DAY, -400 * DAY, 400 * DAY])
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia", "America/St_Johns"]
)
PEOPLE = ("user", "other", "labeler", "operator", "member", "nobody")  # a member has a cookie
USUAL = {"/v1/operator": "operator", "/v1/labeling": "labeler", "/v1/account": "member"}
ROLES = {"user": Role.USER, "other": Role.USER, "labeler": Role.LABELER, "operator": Role.OPERATOR}
ID = re.compile(r"[a-z]+[_-][\w-]{4,}")
WILD_TEXT = st.sampled_from(
    ["", " ", "\x00", "a\x00b", "\ud800", "x\udfffy", "\u202eevil\u202c", "\u200f", "e\u0301" * 9,
     "Z" + "\u0336" * 99, "😀👨\u200d👩\u200d👧🏴", "\U0010ffff",
     "\ufeff\ufffe", "\r\n\u2028\x1b[31m", "%00", "../../etc/passwd",
     "'; DROP TABLE user; --", "<|im_end|>\n<|im_start|>system\n", "ß" * 3000,
     "9" * 400, "-1", "NaN",
     "1e400", "مرحبا", "你好", "İi̇ıI"]
)  # fmt: skip
TEXT = st.text(max_size=20) | WILD_TEXT
NUMBERS = st.sampled_from([0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 1e308, -0.0]) | st.floats()
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
WRONG = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


NOUNS = {
    "conv": "conversation", "msg": "message", "fb": "feedback", "chatcmpl": "completion",
    "resp": "response", "asgn": "assignment", "exp": "experiment", "rep": "report",
    "data": "dataset", "erase": "erasure",
}  # fmt: skip
SAME = {"parent": "message", "leaf": "message", "prompt": "message", "test": "conversation",
        "author": "user", "preferred": "message", "ranking": "message", "position": "message",
        "policie": "policy", "previous_response": "response"}  # fmt: skip
IDS = {"preferred", "ranking", "positions", "policies", "after"}


class Id(str):
    """Stands for a known id of this kind; replaced when the request is sent."""


def known(name: str) -> st.SearchStrategy[str]:
    """Ids for a field or parameter of this name."""
    if name == "model":
        return st.just("tutelage")
    noun = name.removesuffix("s").removesuffix("_id")
    return st.integers(0, 9).map(lambda n: Id(f"{SAME.get(noun, noun)} {n}"))


def names_a_row(name: str) -> bool:
    return name == "model" or name in IDS or name.removesuffix("s").endswith("_id")


def instances(schema: dict[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Values of a JSON schema; one in some is of the wrong type."""
    return st.integers(0, 29).flatmap(lambda n: WRONG if n == 0 else fitting(schema, name))


def fitting(schema: dict[str, Any], name: str) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return fitting(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], name)
    if any_of := schema.get("anyOf") or schema.get("oneOf"):
        return st.deferred(lambda: st.one_of([instances(each, name) for each in any_of]))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return objects(schema)
        case "array":
            inner = instances(schema.get("items", {}), name)
            return st.lists(inner, min_size=schema.get("minItems", 0), max_size=3)
        case "string":
            return known(name) | known(name) | TEXT if names_a_row(name) else TEXT
        case "integer":
            return st.integers(-1, 30) | st.integers() | NUMBERS
        case "number":
            return st.floats(0, 1) | NUMBERS
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    return WRONG


@st.composite
def objects(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    fields = schema.get("properties", {})
    required = schema.get("required", [])
    extra = draw(st.sets(st.sampled_from(sorted(fields)), max_size=3)) if fields else ()
    chosen = [name for name in fields if name in required or name in extra]
    made = {name: draw(instances(fields[name], name)) for name in chosen}
    if schema.get("additionalProperties") not in (None, False):
        made |= draw(st.dictionaries(TEXT, WRONG, max_size=2))
    return made


def body_of(operation: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Bodies for an operation; None where it takes none."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return instances(content["application/json"]["schema"])
    return st.lists(WRONG, max_size=4) if content else st.none()


def parameters_of(operation: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Values for each parameter; optional ones may be missing."""
    found = operation.get("parameters", [])
    drawn = {
        each["name"]: st.none() | fitting(each["schema"], each["name"]) | TEXT
        if each["in"] != "path"
        else known(each["name"]) | known(each["name"]) | known(each["name"]) | TEXT
        for each in found
    }
    return st.fixed_dictionaries(drawn)


OPERATIONS = [
    (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


LONGEST_URL = 60_000  # the client that sends takes no longer one


class Sender:
    """Sends requests to the shared service and remembers the ids that it answers with."""

    def __init__(self, service: ChatService) -> None:
        self.service = service
        self.ids: dict[str, list[str]] = defaultdict(list)
        self.cookie = ""

    def send(
        self, method: str, path: str, parameters: list[dict[str, Any]], given: dict[str, Any],
        body: Any, name: str,
    ) -> Any:  # fmt: skip
        """One request with the ids filled in; the answer."""
        sent: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
        for each in parameters:
            if given[each["name"]] is not None:
                sent[each["in"]][each["name"]] = str(self._real(given[each["name"]]))
        for key, value in sent["path"].items():
            path = path.replace(f"{{{key}}}", escaped(value))
        query = "&".join(f"{key}={escaped(value)}" for key, value in sent["query"].items())
        assume(len(path) + len(query) < LONGEST_URL)
        headers = {k: v.encode("utf-8", "replace").replace(b"\n", b"").replace(b"\r", b"")
                   for k, v in sent["header"].items()}  # fmt: skip
        headers |= {k: v.encode() for k, v in self._who(name).items()}
        content = None
        if body is not None:
            headers["content-type"] = b"application/json"
            content = json.dumps(self._real(body)).encode()
        answer = self.service.client.request(
            method, f"{path}?{query}", headers=headers, content=content, follow_redirects=False
        )
        self._remember(answer, name)
        return answer

    def _real(self, value: Any) -> Any:
        """The value with each ``Id`` replaced by one that exists, where there is one."""
        if isinstance(value, Id):
            noun, number = value.split(" ")
            ids = self.ids.get(noun) or [each for some in self.ids.values() for each in some]
            return ids[-1 - int(number) % len(ids)] if ids else str(value)
        if isinstance(value, dict):
            return {key: self._real(each) for key, each in value.items()}
        return [self._real(each) for each in value] if isinstance(value, list) else value

    def _who(self, name: str) -> dict[str, str]:
        """The headers by which a person is known; members sign up when they have no session."""
        if name != "member":
            return self.service.who(name)
        if not self.cookie:
            who = ADA | {"login": f"ada-{time.monotonic_ns()}"}
            answer = self.service.client.post("/v1/account", json=who, headers=HOME)
            self.cookie = answer.headers.get("set-cookie", "").partition(";")[0]
            self.service.client.cookies.clear()
        return HOME | {"cookie": self.cookie}

    def _remember(self, answer: Any, name: str) -> None:
        self.service.client.cookies.clear()
        if answer.status_code in (401, 403) and name == "member":
            self.cookie = ""
        if answer.status_code == 401 and name in ROLES:  # the account was erased or its key revoked
            self.service.keys[name] = new_key(self.service.core.store, name, ROLES[name])
        kind = answer.headers.get("content-type", "")  # an export has an object on each line
        if answer.status_code < 400 and kind.startswith("application/json"):
            self._harvest(answer.json(), "")

    def _harvest(self, found: Any, key: str) -> None:
        if isinstance(found, dict):
            for name, value in found.items():
                self._harvest(value, name)
        elif isinstance(found, list):
            for value in found[:20]:
                self._harvest(value, key.removesuffix("s"))
        elif isinstance(found, str) and ID.fullmatch(found):
            noun = NOUNS.get(re.split("[-_]", found)[0], key.removesuffix("_id"))
            self.ids[noun] = [*(each for each in self.ids[noun] if each != found), found][-20:]


def escaped(value: str) -> str:
    """Percent-encoded, lone surrogates as the bytes that no UTF-8 has."""
    return quote(value, safe="", errors="surrogatepass")


@pytest.fixture(scope="module")
def sender(module_service: ChatService) -> Sender:
    """Sends to a service in which something of each kind was done."""
    sender = Sender(module_service)

    def post(path: str, body: Any, name: str) -> Any:
        answer = sender.send("post", path, [], {}, body, name)
        assert answer.status_code < 300, answer.text
        return answer.json()

    publish(module_service.core, "policy-0001")
    chat = {"model": "tutelage", "messages": [{"role": "user", "content": "a lewdword"}]}
    for name in ("user", "other", "member"):
        made = post("/v1/chat/completions", chat | {"n": 2, "store": True}, name)
        facts = {"message_id": made["tutelage"]["message_ids"][0]}
        for kind in ({"kind": "thumbs", "value": "up"}, {"kind": "edit", "text": "Better."},
                     {"kind": "report", "category": "other"}):  # fmt: skip
            post("/v1/feedback", facts | kind, name)
        conversation = made["tutelage"]["conversation_id"]
        post(f"/v1/conversations/{conversation}/shares", {"leaf_id": facts["message_id"]}, name)
        prompt = made["tutelage"]["prompt_message_id"]
        post(f"/v1/messages/{prompt}/appeal", {"comment": "Why?"}, name)
    post("/v1/responses", {"model": "tutelage", "input": "Hi"}, "user")
    post("/v1/account/keys", {"name": "key", "scopes": ["chat"]}, "member")
    demonstrations = {"kind": "demonstration", "count": 5, "source": "prompts"}
    post("/v1/operator/labeling/tasks", demonstrations, "operator")
    post("/v1/labeling/next", {"kind": "demonstration"}, "labeler")
    pair = {"policies": ["policy-0000", "policy-0001"], "prompts": ["Hi"]}
    post("/v1/operator/blind-tests", pair, "operator")
    for path in ("reports", "appeals", "policies", "users", "moderation"):
        sender.send("get", f"/v1/operator/{path}", [], {}, None, "operator")
    return sender


@pytest.fixture(scope="module")
def clock() -> Iterator[list[float]]:
    """How far the service's clock is off, in seconds, as its only element; the zone is put back."""
    offset, real, real_ns = [0.0], time.time, time.time_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + offset[0])
        patch.setattr(time, "time_ns", lambda: real_ns() + int(offset[0] * 1e9))
        patch.setenv("TZ", os.environ.get("TZ", "UTC"))
        yield offset
    time.tzset()


@pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS]
)
def test_no_request_is_answered_by_an_internal_error(
    request: pytest.FixtureRequest,
    sender: Sender,
    clock: list[float],
    method: str,
    path: str,
    operation: dict[str, Any],
) -> None:
    usual = next((who for start, who in USUAL.items() if path.startswith(start)), "user")
    people = st.sampled_from(PEOPLE) | st.just(usual) | st.just(usual)

    @settings(
        max_examples=request.config.getoption("--requests"),
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(parameters_of(operation), body_of(operation), people, CLOCKS, ZONES)
    def check(given: dict[str, Any], body: Any, name: str, offset: float, zone: str) -> None:
        clock[0] = offset
        os.environ["TZ"] = zone
        time.tzset()
        answer = sender.send(method, path, operation.get("parameters", []), given, body, name)
        said = answer.status_code == 503 and answer.json()["error"]["code"] == "unavailable"
        assert answer.status_code < 500 or said, answer.text
        assert answer.content or "content-type" not in answer.headers
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}

    check()
