"""A lease is respected while its owner may live, and taken over at once when it is known dead."""

import os
import socket
import subprocess

import pytest

from training.iteration import lease
from training.iteration.lease import is_free, take
from tutelage.errors import Conflict
from tutelage.iterations import iterations
from tutelage.store import Store

ID = "iteration-0001"


@pytest.fixture
def queued(store: Store) -> Store:
    with store.write() as session:
        iterations.request(session, "smoke", "policy-0000", "key", "ada")
    return store


def held_by(store: Store, owner: str) -> Store:
    with store.write() as session:
        iterations.lease(session, ID, owner)
    return store


def dead_process() -> int:
    """The id of a process that has just ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def free(store: Store) -> bool:
    with store.read() as session:
        return is_free(iterations.get(session, ID))


def test_the_lease_names_this_process(queued: Store) -> None:
    with queued.write() as session:
        host, process, run = take(session, ID).owner.split("/")
    assert host.startswith(socket.gethostname()) and int(process) == os.getpid() and run


def test_a_process_of_the_same_host_and_number_is_another_owner(queued: Store) -> None:
    """Such as process 1 of another container."""
    with queued.write() as session:
        mine = take(session, ID).owner
    other = mine.rpartition("/")[0] + "/another"
    with queued.write() as session, pytest.raises(Conflict, match="is already running"):
        iterations.lease(session, ID, other)


@pytest.mark.parametrize(
    "owner",
    [
        "another-host/1/x",
        "someone",
        f"{lease._here()}/1/x",
        f"{socket.gethostname()}:0/{2**22 + 1}/x",
    ],
)
def test_an_owner_that_may_live_is_waited_for(queued: Store, owner: str) -> None:
    assert not free(held_by(queued, owner))
    with queued.write() as session, pytest.raises(Conflict, match="is already running"):
        take(session, ID)


def test_a_dead_owner_on_this_machine_is_replaced_at_once(queued: Store) -> None:
    held_by(queued, f"{lease._here()}/{dead_process()}/x")
    assert free(queued)
    with queued.write() as session:
        take(session, ID)
    assert not free(queued)
