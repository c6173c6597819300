"""Other families go through the whole loop: brought, judged, trained, published, served."""

from pathlib import Path

import pytest
from family_twins import TEMPLATE_OF, write_twin
from loop_folder import judge, run

from server.generators.choice import load_fitting
from tutelage.composition import open_core
from tutelage.people import people
from tutelage.policies.base import ensure_base
from tutelage.settings import Settings

pytestmark = pytest.mark.loop
ENGINES = {"mistral-window": "embedded", "gemma3_text": "transformers", "gpt_oss": "transformers"}


@pytest.mark.parametrize(("twin", "engine"), ENGINES.items())
def test_a_family_is_taught_and_served(twin: str, engine: str, tmp_path: Path) -> None:
    source = write_twin(twin, tmp_path / "source", template=TEMPLATE_OF[twin])
    core = open_core(Settings(data=tmp_path / "data", moderation="off"))
    ensure_base(core.store, core.library, str(source))
    with core.store.write() as session:
        user = people.create_user(session, "ada")
    for number in range(16):
        judge(core, user, number)
    run(core)
    path = core.library.path("policy-0001")
    assert core.library.verify("policy-0001") == []
    assert load_fitting("policy-0001", path, 1, 1024).engine.startswith(engine)
    core.store.close()
