"""Claims that can be checked: a policy comes out the same again; an answer leads to its past."""

import pytest
from loop_folder import run
from sqlmodel import select

from training.jobs.reproduce import reproduce
from tutelage.chat import conversations
from tutelage.composition import Core
from tutelage.errors import NotFound
from tutelage.policies import deployment
from tutelage.policies.lineage import lineage_of_message
from tutelage.tables import User

pytestmark = pytest.mark.loop


def test_a_policy_comes_out_the_same_again(core: Core) -> None:
    run(core)
    found = reproduce(core, "policy-0001")
    assert found.equal and found.differing == []
    card = (core.library.path("policy-0001") / "card.md").read_text()
    assert "tutelage policies reproduce policy-0001" in card
    with pytest.raises(NotFound, match="not made by an iteration"):
        reproduce(core, "policy-0000")


def test_an_answer_leads_to_what_taught_its_policy(core: Core) -> None:
    run(core)
    with core.store.write() as session:
        deployment.promote(session, "policy-0001", "ada")
        user = session.exec(select(User)).one()
        conversation = conversations.start(session, user.id, False)
        prompt = conversations.append(session, conversation, None, "user", "Is it?")
        answer = conversations.append(
            session, conversation, prompt.id, "assistant", "Yes.", policy_id="policy-0001"
        )
        newest, oldest = lineage_of_message(session, core.library, core.iterations, answer.id)
    assert (newest["policy"], newest["iteration"]) == ("policy-0001", "iteration-0001")
    assert newest["intact"] and len(newest["feedback"]) > 10
    assert (oldest["policy"], oldest["feedback"]) == ("policy-0000", [])
