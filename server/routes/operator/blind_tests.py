"""/v1/operator/blind-tests: blind comparisons of two policies on the same prompts."""

from fastapi import APIRouter
from sqlmodel import Session

from server.dependencies import OperatorDep, ServicesDep, StateDep
from server.labeling import blind_test
from server.labeling.blind_test import BlindComparison
from server.schemas.operator.blind_tests import (
    BlindJudgement,
    BlindPair,
    BlindResponse,
    BlindShare,
    BlindTest,
    BlindTestItem,
    BlindTestRequest,
)
from server.schemas.text import Name, Page
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.feedback import feedback
from tutelage.tables import FeedbackKind

router = APIRouter(prefix="/v1/operator/blind-tests", tags=["operator"])


@router.get("")
def list_blind_tests(operator: OperatorDep, services: ServicesDep) -> Page[BlindTestItem]:
    """Your blind tests, newest first."""
    with services.store.read() as session:
        tests = blind_test.listed(session, operator.user.id)
        data = [_item(test.id, test.created_at, session, operator.user.id) for test in tests]
    return Page(data=data)


@router.post("", status_code=201)
async def start_blind_test(
    body: BlindTestRequest,
    operator: OperatorDep,
    state: StateDep,
) -> BlindTest:
    """Start a blind test; the request ends when all responses are written.

    A policy that is not in memory is loaded, which needs a place beside a policy on trial.
    """
    blind_test.require_two(body.policies)
    test_id = await blind_test.write(
        state.services.store, state.policies, state.candidates, operator.user.id, body.policies,
        body.prompts,
    )  # fmt: skip
    with state.services.store.read() as session:
        return _shown(session, test_id, operator.user.id)


@router.get("/{test_id}")
def get_blind_test(test_id: Name, operator: OperatorDep, services: ServicesDep) -> BlindTest:
    """A blind test with its responses; policies are named once all prompts are judged."""
    with services.store.read() as session:
        return _shown(session, test_id, operator.user.id)


@router.post("/{test_id}/judgements")
def judge_blind_pair(
    test_id: Name, body: BlindJudgement, operator: OperatorDep, services: ServicesDep
) -> BlindTest:
    """Judge the responses to one prompt; it can be repeated until the policies are named."""
    me = operator.user.id
    with services.store.write() as session:
        pairs = blind_test.pairs(session, test_id, me)
        if all(pair.judged for pair in pairs):
            raise Conflict("This test is complete: its policies are named.")
        pair = next((each for each in pairs if each.prompt.id == body.prompt_id), None)
        if pair is None:
            raise NotFound(f"Prompt {body.prompt_id!r} not found in this test.", "prompt_id")
        value = {"ranking": _ranking(pair, body.preferred)}
        feedback.record(
            session, me, FeedbackKind.RANKING, pair.responses, value, pair.prompt.id,
            [each.id for each in pair.responses],
        )  # fmt: skip
        session.flush()
        return _shown(session, test_id, me)


def _ranking(pair: BlindComparison, preferred: str | None) -> list[list[str]]:
    ids = [each.id for each in pair.responses]
    if preferred is None:
        return [ids]
    if preferred not in ids:
        raise Invalid(f"{preferred!r} is not a response to this prompt.", "preferred")
    return [[preferred], [each for each in ids if each != preferred]]


def _item(test_id: str, created_at: float, session: Session, owner: str) -> BlindTestItem:
    pairs = blind_test.pairs(session, test_id, owner)
    judged = sum(pair.judged is not None for pair in pairs)
    return BlindTestItem(id=test_id, created_at=created_at, prompts=len(pairs), judged=judged)


def _shown(session: Session, test_id: str, owner: str) -> BlindTest:
    pairs = blind_test.pairs(session, test_id, owner)
    over = all(pair.judged for pair in pairs)
    return BlindTest(
        id=test_id,
        created_at=pairs[0].prompt.created_at,
        pairs=[_pair(pair, named=over) for pair in pairs],
        result=[
            _share(name, *blind_test.share(arm)) for name, arm in blind_test.tally(pairs).items()
        ]
        if over
        else None,
    )


def _pair(pair: BlindComparison, named: bool) -> BlindPair:
    return BlindPair(
        prompt_id=pair.prompt.id,
        prompt=pair.prompt.content,
        answers=[
            BlindResponse(
                id=each.id, content=each.content, policy_id=each.policy_id if named else None
            )
            for each in pair.responses
        ],
        judged=pair.judged,
    )


def _share(policy_id: str, mean: float, low: float, high: float) -> BlindShare:
    return BlindShare(policy_id=policy_id, mean=mean, low=low, high=high)
