"""A request's own moderation: the operator's rules, made as strict as the request asks."""

from dataclasses import dataclass

from moderation.rules import Action, ModerationRules, SideRules


@dataclass(frozen=True)
class MinimumActions:
    """The mildest action on any category that reaches its threshold, by side."""

    prompt: Action
    response: Action


def stricter(minimum: MinimumActions | None, rules: ModerationRules) -> ModerationRules:
    """The rules with milder actions raised to the minimum; a request never weakens them."""
    if minimum is None:
        return rules
    return ModerationRules(
        prompt=_raised(rules.prompt, minimum.prompt),
        response=_raised(rules.response, minimum.response),
    )


def _raised(side: SideRules, minimum: Action) -> SideRules:
    milder = [name for name, rule in side.rules.items() if rule.action.severity < minimum.severity]
    return side.with_changes({name: minimum for name in milder})
