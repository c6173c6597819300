"""A shadow's answers are scored by the reward model that judged its policy, beside those shown."""

import pytest
from loop_folder import run
from sqlmodel import select

from training.jobs.maintenance import Maintenance
from training.jobs.score_shadows import judge_shadows
from tutelage.chat import conversations
from tutelage.composition import Core
from tutelage.experiments import experiments
from tutelage.tables import ExperimentKind, PolicyVersion, ShadowResponse, User

pytestmark = pytest.mark.loop
NEW = "policy-0001"


def shadowed(core: Core, text: str, shadow: str) -> None:
    """Somebody was shown ``text``, and the shadow wrote ``shadow``."""
    with core.store.write() as session:
        experiment = experiments.running(session)
        assert experiment is not None
        user = session.exec(select(User)).one()
        conversation = conversations.start(session, user.id, True)
        prompt = conversations.append(session, conversation, None, "user", "Is it?")
        shown = conversations.append(
            session, conversation, prompt.id, "assistant", text, policy_id="policy-0000"
        )
        row = ShadowResponse(
            experiment_id=experiment.id, message_id=shown.id, policy_id=NEW, content=shadow
        )
        session.add(row)


def test_shadows_are_scored_once_and_counted(core: Core) -> None:
    run(core)
    with core.store.write() as session:
        experiments.start(session, NEW, "ada", ExperimentKind.SHADOW, share=1.0)
    shadowed(core, "no no no no no", "yes")
    shadowed(core, "maybe", "maybe")
    shadowed(core, "no", "")
    Maintenance(core, look=0.0)()
    with core.store.read() as session:
        experiment = experiments.running(session)
        first, second, third = session.exec(
            select(ShadowResponse).order_by(ShadowResponse.id)
        ).all()
    assert experiment is not None and experiment.verdict["scored"]["people"] == 1
    assert first.score is not None and first.score != first.shown_score
    assert second.score == pytest.approx(second.shown_score, abs=1e-4)
    assert third.score is not None
    assert judge_shadows(core, experiment) == 0


def test_a_policy_that_no_iteration_made_has_no_judge(core: Core) -> None:
    run(core)
    with core.store.write() as session:
        experiments.start(session, NEW, "ada", ExperimentKind.SHADOW, share=1.0)
        session.get_one(PolicyVersion, NEW).iteration_id = None
    shadowed(core, "no", "yes")
    with core.store.read() as session:
        experiment = experiments.running(session)
    assert experiment is not None and judge_shadows(core, experiment) == 0
