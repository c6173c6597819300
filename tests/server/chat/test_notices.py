"""What people are told of moderation."""

import pytest

from moderation.categories import CATEGORIES
from server.chat.notices import Side, notice


@pytest.mark.parametrize("side", ["user", "assistant"])
@pytest.mark.parametrize("action", ["warn", "block"])
@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_plain_words(side: Side, action: str, category: str) -> None:
    told = notice(side, action, [category])
    assert told and told.action == action and told.categories == [category]
    assert told.message[0].isupper() and "/" not in told.message


@pytest.mark.parametrize("action", ["off", "log"])
def test_nothing_is_said_of_what_is_only_logged(action: str) -> None:
    assert notice("user", action, ["hate"]) is None


def test_several_categories_are_listed_once_each() -> None:
    told = notice("assistant", "warn", ["hate", "sexual", "self-harm", "self-harm/intent"])
    assert told and "hate, sexual content and self-harm;" in told.message


def test_a_category_is_not_named_beside_its_own_part() -> None:
    told = notice("user", "block", ["illicit/violent", "illicit"])
    assert told and told.message.endswith("flagged for violent wrongdoing.")
    assert told.categories == ["illicit/violent", "illicit"]


@pytest.mark.parametrize("side", ["user", "assistant"])
@pytest.mark.parametrize("action", ["warn", "block"])
def test_someone_in_distress_is_told_where_to_turn(side: Side, action: str) -> None:
    told = notice(side, action, ["self-harm/intent", "violence"])
    assert told and "emergency" in told.message and "crisis line" in told.message


def test_someone_in_distress_is_not_met_with_a_bare_refusal() -> None:
    told = notice("user", "block", ["self-harm/instructions"])
    assert told and "alone" in told.message and "flagged" not in told.message


def test_a_failed_check_is_not_called_a_finding() -> None:
    told = notice("user", "block", [])
    assert told and "could not be checked" in told.message
