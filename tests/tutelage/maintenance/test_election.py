"""One process leads at a time, until it stops asking."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tutelage.maintenance import election
from tutelage.maintenance.election import leads
from tutelage.store import Store


def test_one_of_many_leads(any_store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda n: leads(any_store, "work", f"process {n}"), range(6)))
    assert sum(found) == 1
    leader = f"process {found.index(True)}"
    assert leads(any_store, "work", leader) and not leads(any_store, "work", "another")
    assert leads(any_store, "other work", "another")


def test_another_leads_when_it_stops_asking(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(election, "LEAD_SECONDS", 0.0)
    assert leads(any_store, "work", "one")
    assert leads(any_store, "work", "another")
    monkeypatch.setattr(election, "LEAD_SECONDS", 60.0)
    assert leads(any_store, "work", "one")
    assert not leads(any_store, "work", "another")
