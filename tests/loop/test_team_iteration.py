"""An iteration for a team: what it reads, whose its candidate is, and what deletion leaves."""

import json

from loop_folder import ITERATION
from sqlmodel import select

from training.iteration.run import request_iteration, run_iteration
from tutelage import jsonl
from tutelage.chat import conversations
from tutelage.composition import Core
from tutelage.people import teams
from tutelage.people.team_deletion import delete_team
from tutelage.policies import deployment
from tutelage.tables import Conversation, PolicyVersion


def test_a_teams_policy_learns_from_its_members_and_goes_with_the_team(core: Core) -> None:
    """Half of the chats are one team's; the others are another team's and everyone's."""
    with core.store.write() as session:
        chats = session.exec(select(Conversation).order_by(Conversation.seq)).all()
        one, two = (teams.create(session, name, "op").id for name in ("One", "Two"))
        for place, chat in enumerate(chats):
            if place % 4 != 3:
                conversations.claim(session, chat, two if place % 4 == 1 else one)
        belongs = {chat.id: chat.team_id for chat in chats}
    outcome = run_iteration(core, request_iteration(core, "smoke", "op", one).id)
    folder = core.iteration(ITERATION)
    read = {
        belongs[row["conversation_id"]]
        for name in ("rankings", "demonstrations", "prompts")
        for row in jsonl.read(folder.snapshot_rows(name))
    }
    assert read == {one, None}
    assert outcome.policy_id is not None
    with core.store.read() as session:
        assert session.get_one(PolicyVersion, outcome.policy_id).team_id == one
        assert deployment.newest_candidate(session) is None
    card = (core.library.path(outcome.policy_id) / "card.md").read_text()
    assert "A policy of the team One, for its members alone." in card
    assert "Two" not in json.dumps(core.library.manifest(outcome.policy_id))
    deleted = delete_team(
        core.store, core.library, core.iterations, core.settings.data / "limitations", one, "op"
    )
    assert deleted == [outcome.policy_id] and core.library.ids() == ["policy-0000"]
    assert not folder.path.exists()
