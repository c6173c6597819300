"""Background work that one process does for all: whoever asks first leads until it stops asking."""

from tutelage.store import Lock, Store, clock, exclude
from tutelage.tables import Leader

LEAD_SECONDS = 30.0  # after which another may lead


def leads(store: Store, work: str, process: str) -> bool:
    """Whether this process does the work now. Time is the database's, since clocks differ.

    Most calls only read: a leader renews in the second half of its time.
    """
    with store.read() as session:
        now, leader = clock(session), session.get(Leader, work)
    left = leader.expires_at - now if leader else 0.0
    if leader and left > 0 and (leader.process != process or left > LEAD_SECONDS / 2):
        return leader.process == process
    return _lead(store, work, process)


def _lead(store: Store, work: str, process: str) -> bool:
    with store.write() as session:
        exclude(session, Lock.ELECTION)
        now = clock(session)
        leader = session.get(Leader, work) or Leader(work=work)
        if leader.process != process and leader.expires_at > now:
            return False
        leader.process, leader.expires_at = process, now + LEAD_SECONDS
        session.add(leader)
        return True
