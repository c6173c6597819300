"""POST /v1/moderations: scores of any text in OpenAI's 13 categories."""

from fastapi import APIRouter

from moderation.categories import CATEGORIES
from moderation.rules import SideRules
from server.dependencies import CallerDep, ServicesDep
from server.schemas.openai.chat import TextPart
from server.schemas.openai.moderations import (
    Moderation,
    ModerationInput,
    ModerationRequest,
    ModerationResult,
)
from tutelage.errors import Invalid, Unavailable
from tutelage.tables import new_id

router = APIRouter(prefix="/v1/moderations", tags=["moderation"])


@router.post("")
def moderate(body: ModerationRequest, _caller: CallerDep, services: ServicesDep) -> Moderation:
    """Score texts. ``flagged`` uses the thresholds for prompts."""
    classifier = services.classifier
    if classifier is None:
        raise Unavailable("Moderation is disabled (TUTELAGE_MODERATION=off).")
    texts = _texts(body.input)
    longest = services.settings.max_message_chars
    if any(len(text) > longest for text in texts):
        raise Invalid(f"Text too long: longer than {longest} characters.", "input")
    scores = classifier.classify(texts)
    rules = services.rules().prompt
    results = [_result(each, rules) for each in scores]
    return Moderation(id=new_id("modr"), model=classifier.version, results=results)


def _texts(given: ModerationInput) -> list[str]:
    """One text per input; parts are one input together."""
    if isinstance(given, str):
        return [given]
    texts = [each for each in given if isinstance(each, str)]
    return texts or ["".join(each.text for each in given if isinstance(each, TextPart))]


def _result(scores: dict[str, float], rules: SideRules) -> ModerationResult:
    reached = {name: scores[name] >= rules.thresholds[name] for name in CATEGORIES}
    return ModerationResult(
        flagged=any(reached.values()),
        categories=reached,
        category_scores={name: scores[name] for name in CATEGORIES},
        category_applied_input_types={name: ["text"] for name in CATEGORIES},
    )
