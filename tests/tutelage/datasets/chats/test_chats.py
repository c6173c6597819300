"""Chats of other products, with what their users said of the answers."""

import io
import json
import zipfile
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.composition import open_core
from tutelage.datasets import formats, keeping, reading
from tutelage.datasets.chats.tree import BROKE_OFF, NO_TEXT, UNRATED
from tutelage.datasets.example import Example
from tutelage.errors import Invalid
from tutelage.feedback import preference_data
from tutelage.settings import Settings
from tutelage.tables import FeedbackKind

ASKED = [{"role": "user", "content": "Tea?"}]
PRODUCTS = ("chatgpt", "open-webui", "librechat", "chat-ui")
GPT_FEEDBACK = [
    {"id": "f1", "conversation_id": "c1", "message_id": "a1", "rating": "thumbs_up",
     "content": '{"text": "Short."}'},
    {"id": "f2", "conversation_id": "gone", "message_id": "x", "rating": "thumbsDown"},
]  # fmt: skip


def gpt(role: str, parent: str | None, *parts: Any, **more: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": list(parts)}
    return {"parent": parent, "message": {"author": {"role": role}, "content": content} | more}


CHATGPT = {
    "conversation_id": "c1",
    "mapping": {
        "root": {"parent": None, "message": None},
        "s": gpt("system", "root", ""),
        "u1": gpt("user", "s", "Tea?"),
        "a1": gpt("assistant", "u1", "Green."),
        "a2": gpt("assistant", "u1", "Black."),
    },
}


def webui_message(role: str, parent: str | None, text: str, **more: Any) -> dict[str, Any]:
    return {"parentId": parent, "role": role, "content": text} | more


def webui(**answers: dict[str, Any]) -> dict[str, Any]:
    messages = {"u1": webui_message("user", None, "Tea?")}
    messages |= {
        name: webui_message("assistant", "u1", **fields) for name, fields in answers.items()
    }
    return {"id": "c", "chat": {"history": {"messages": messages}}}


RATED = webui(
    a1={"text": "Green.", "model": "x", "annotation": {"rating": "1", "comment": "Short."}},
    a2={"text": "Black.", "model": "y"},
)
VOTE = {
    "type": "rating",
    "data": {"rating": -1, "model_id": "x", "sibling_model_ids": ["y"], "comment": ""},
    "meta": {"message_id": "a1", "arena": True},
    "snapshot": {"chat": RATED},
}
LIBRECHAT = {
    "conversationId": "c",
    "recursive": True,
    "messages": [
        {"messageId": "u1", "parentMessageId": "0000", "isCreatedByUser": True, "text": "Tea?",
         "children": [
             {"messageId": "a1", "parentMessageId": "u1", "isCreatedByUser": False, "text": "",
              "content": [{"type": "text", "text": {"value": "Green."}}],
              "feedback": {"rating": "thumbsUp", "text": "Short."}},
             {"messageId": "a2", "parentMessageId": "u1", "isCreatedByUser": False,
              "text": "Black."},
         ]},
    ],
}  # fmt: skip
CHAT_UI = {
    "title": "t",
    "messages": [
        {"id": "s", "from": "system", "content": "", "ancestors": []},
        {"id": "u1", "from": "user", "content": "Tea?", "ancestors": ["s"]},
        {
            "id": "a1",
            "from": "assistant",
            "content": "Green.",
            "score": 1,
            "ancestors": ["s", "u1"],
        },
        {"id": "a2", "from": "assistant", "content": "Black.", "ancestors": ["s", "u1"]},
    ],
}


def archive(**files: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, value in files.items():
            out.writestr(f"{name}.json", json.dumps(value))
    return buffer.getvalue()


FILES = {
    "chatgpt": archive(conversations=[CHATGPT], message_feedback=GPT_FEEDBACK, user={}),
    "open-webui": json.dumps([RATED]).encode(),
    "librechat": json.dumps(LIBRECHAT, indent=2).encode(),
    "chat-ui": json.dumps(CHAT_UI).encode(),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_thumb_comes_with_its_prompt_and_its_comment(product: str) -> None:
    examples, report = reading.read(FILES[product], None)
    comment = "" if product == "chat-ui" else "Short."
    assert examples == [Example(ASKED, ("Green.",), (0,), liked=True, comment=comment)]
    assert (report.format, report.thumbs, report.demonstrations) == (product, 1, 0)
    lost = {"The rated message is not in the chat.": [2]} if product == "chatgpt" else {}
    assert dict(report.problems) == lost


def test_an_arena_vote_is_a_ranking_of_the_two_answers() -> None:
    [vote], _ = reading.read(json.dumps([VOTE]).encode(), None)
    assert (vote.prompt, vote.responses, vote.ranks) == (ASKED, ("Green.", "Black."), (1, 0))


def test_a_feedback_rates_only_its_message() -> None:
    alone = VOTE | {"data": {"rating": 1, "sibling_model_ids": None, "comment": "Good."}}
    [thumb], _ = reading.read(json.dumps(alone).encode(), None)
    assert (thumb.responses, thumb.liked, thumb.comment) == (("Green.",), True, "Good.")


def test_opposite_thumbs_on_answers_to_one_prompt_are_a_ranking() -> None:
    chat = webui(
        a1={"text": "Green.", "annotation": {"rating": -1}},
        a2={"text": "Black.", "annotation": {"rating": 1}},
    )
    [both], _ = reading.read(json.dumps(chat).encode(), None)
    assert (both.responses, both.ranks) == (("Green.", "Black."), (1, 0))


def test_what_is_not_kept_is_told_with_the_reason() -> None:
    rated = {"annotation": {"rating": 1}}
    rows = [
        webui(a1={"text": "Green."}),
        webui(a1={"text": "Gre", "done": False, **rated}, a2={"text": "Black.", **rated}),
        webui(a1={"text": "Look:", "files": [{"id": 1}], **rated}),
        VOTE | {"meta": {"message_id": "gone"}},
    ]
    examples, report = reading.read(json.dumps(rows).encode(), None)
    assert [each.responses for each in examples] == [("Black.",)]
    assert dict(report.problems) == {
        UNRATED: [1], BROKE_OFF: [2], NO_TEXT: [3], "The rated message is not in the chat.": [4],
    }  # fmt: skip


def test_imported_thumbs_may_be_learned_from_and_are_erased_by_their_source(tmp_path: Any) -> None:
    core = open_core(Settings(data=tmp_path))
    examples, report = reading.read(FILES["open-webui"], None)
    with core.store.write() as session:
        source = keeping.begin(session, "our open-webui", "consent of 3 May", "", report, "test")
    assert (source.thumbs, keeping.keep(core.store, source, examples)) == (1, 1)
    with core.store.read() as session:
        [thumb] = preference_data.learnable(preference_data.read(session))
    assert (thumb.kind, thumb.liked, thumb.source) == (FeedbackKind.THUMBS, True, "our open-webui")
    keeping.erase(core.store, core.iterations, "our open-webui", "test")
    with core.store.read() as session:
        assert preference_data.read(session).feedback == []
    core.store.close()


def test_a_zip_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid, match="archive cannot be read"):
        reading.read(b"PK\x03\x04 broken", None)


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a1", "u1", "user", "1"]),
    lambda some: st.lists(some, max_size=2) | st.dictionaries(
        st.sampled_from(["chat", "history", "messages", "data", "meta", "snapshot", "mapping", "u1",
                         "message", "content", "parts", "feedback", "rating", "from", "children"]),
        some, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60)
@given(product=st.sampled_from(PRODUCTS), value=junk, data=st.data())
def test_whatever_comes_is_told_and_not_raised(
    product: str, value: Any, data: st.DataObject
) -> None:
    row = {"chatgpt": CHATGPT, "open-webui": VOTE, "librechat": LIBRECHAT, "chat-ui": CHAT_UI}
    spoilt = json.loads(json.dumps(row[product]))
    place = spoilt
    for _ in range(data.draw(st.integers(0, 5))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        inner = place[data.draw(st.sampled_from(keys))]
        if not isinstance(inner, dict | list) or not inner:
            break
        place = inner
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    place[data.draw(st.sampled_from(keys))] = value
    with suppress(Invalid):
        formats.named(product).read(spoilt)
