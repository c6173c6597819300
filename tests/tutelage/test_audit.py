"""The audit chain finds every kind of tampering."""

import pytest
import sqlalchemy

from tutelage import audit
from tutelage.store import Store


@pytest.fixture
def chained(any_store: Store) -> Store:
    for number in range(4):
        with any_store.write() as session:
            audit.record(session, "ada", "policy.promote", f"policy-{number:04d}", number=number)
    return any_store


def problems_after(store: Store, statement: str) -> list[str]:
    with store.write() as session:
        session.execute(sqlalchemy.text(statement))
    with store.read() as session:
        return audit.verify(session)


def test_an_untouched_chain_holds(chained: Store) -> None:
    with chained.read() as session:
        assert audit.verify(session) == []


def test_an_edit_is_found(chained: Store) -> None:
    assert problems_after(chained, "UPDATE auditevent SET actor = 'eve' WHERE seq = 2") == [
        "Event 2 was changed after it was written."
    ]


def test_a_deletion_is_found(chained: Store) -> None:
    assert (
        "Event 2 is missing" in problems_after(chained, "DELETE FROM auditevent WHERE seq = 2")[0]
    )


def test_an_act_that_fails_leaves_no_trace(any_store: Store) -> None:
    with pytest.raises(RuntimeError), any_store.write() as session:
        audit.record(session, "ada", "policy.promote", "policy-0001")
        raise RuntimeError
    with any_store.read() as session:
        assert audit.verify(session) == []
