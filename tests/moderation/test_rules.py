"""Rules, settings and verdicts."""

from collections.abc import Sequence

import pytest

from moderation.categories import CATEGORIES, zero_scores
from moderation.classifier import KeywordClassifier
from moderation.rules import Action, ModerationRules, Rule, SideRules, check, judge

LOGGING = SideRules(rules=dict.fromkeys(CATEGORIES, Rule(threshold=0.5, action=Action.LOG)))


def test_the_most_severe_action_wins() -> None:
    side = LOGGING.with_changes({"hate": {"action": "block"}, "sexual": {"action": "warn"}})
    verdict = judge(zero_scores() | {"violence": 1, "sexual": 1, "hate": 1}, side)
    assert verdict.action is Action.BLOCK
    assert verdict.flagged == ("hate", "sexual", "violence")


def test_a_score_at_its_threshold_is_flagged() -> None:
    assert judge(zero_scores() | {"hate": 0.5}, LOGGING).flagged == ("hate",)


def test_nothing_found_is_off() -> None:
    verdict = judge(zero_scores(), LOGGING)
    assert (verdict.action, verdict.flagged) == (Action.OFF, ())


def test_a_category_that_is_off_is_never_flagged() -> None:
    side = LOGGING.with_changes({"hate": "off"})
    assert judge(zero_scores() | {"hate": 1.0}, side).flagged == ()


def test_a_verdict_carries_what_it_rests_on() -> None:
    scores = zero_scores() | {"hate": 0.7}
    verdict = judge(scores, LOGGING, "keyword-1", (3, 9))
    assert (verdict.scores, verdict.thresholds["hate"]) == (scores, 0.5)
    assert (verdict.classifier_version, verdict.span) == ("keyword-1", (3, 9))


def test_settings_change_only_what_they_name() -> None:
    rules = ModerationRules.from_settings('{"prompt": {"hate": "block"}}')
    shipped = ModerationRules()
    assert rules.prompt.rules["hate"].action is Action.BLOCK
    assert rules.prompt.rules["sexual"] == shipped.prompt.rules["sexual"]
    assert rules.response == shipped.response


def test_settings_set_a_threshold_and_keep_the_action() -> None:
    rules = ModerationRules.from_settings('{"response": {"hate": {"threshold": 0.25}}}')
    rule = rules.response.rules["hate"]
    assert (rule.threshold, rule.action) == (0.25, ModerationRules().response.rules["hate"].action)


def test_empty_settings_are_the_shipped_rules() -> None:
    assert ModerationRules.from_settings("") == ModerationRules()


def test_rules_survive_json() -> None:
    rules = ModerationRules.from_settings('{"prompt": {"hate": "block"}}')
    assert ModerationRules.model_validate_json(rules.model_dump_json()) == rules


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("{", "moderation actions"),
        ("[]", "JSON"),
        ('{"prompts": {}}', "prompts"),
        ('{"prompt": {"rudeness": "block"}}', "rudeness"),
        ('{"prompt": {"hate": "explode"}}', "explode"),
        ('{"prompt": {"hate": {"threshold": 2}}}', "threshold"),
        ('{"prompt": {"hate": 3}}', "hate"),
    ],
)
def test_wrong_settings_say_what_is_wrong(settings: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ModerationRules.from_settings(settings)


def test_a_side_needs_a_rule_for_every_category() -> None:
    with pytest.raises(ValueError, match="self-harm"):
        SideRules(rules={"hate": Rule(threshold=0.5, action=Action.LOG)})


def test_blocking_starts_no_lower_than_flagging() -> None:
    for category in CATEGORIES:
        warn = ModerationRules().prompt.with_changes({category: "warn"})
        block = ModerationRules().prompt.with_changes({category: "block"})
        assert warn.rules[category].threshold <= block.rules[category].threshold


class BrokenClassifier:
    version = "broken-1"

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        raise RuntimeError("out of order")


def test_a_failing_classifier_blocks_where_a_category_blocks() -> None:
    verdict = check(BrokenClassifier(), "hello", LOGGING.with_changes({"hate": "block"}))
    assert (verdict.action, verdict.failed) == (Action.BLOCK, True)


def test_a_failing_classifier_is_noted_where_nothing_blocks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    verdict = check(BrokenClassifier(), "hello", LOGGING)
    assert (verdict.action, verdict.failed) == (Action.LOG, True)
    assert "broken-1" in caplog.text


def test_check_classifies_and_judges() -> None:
    verdict = check(KeywordClassifier({"zonk": "hate"}), "a zonk", LOGGING)
    assert (verdict.flagged, verdict.classifier_version) == (("hate",), "keyword-1")
