"""How many threads compute, and how they wait: one setting for a process and its libraries."""

import os

_own = 0  # threads that this process has computed on so far


def wait_passively() -> None:
    """Let compute threads sleep while they wait for each other; call it before torch is imported.

    Threads that spin keep the cores from the thread that they wait for, as soon as anything else
    runs on this machine.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # GNU's and LLVM's OpenMP
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # Intel's


def free_cores() -> int:
    """Cores that this process may use and that nothing else uses, by the load of the last minute.

    At least one. A thread more than that makes the others wait for it at every step.
    """
    global _own
    others = max(0.0, os.getloadavg()[0] - _own) / (os.cpu_count() or 1)
    _own = max(1, round(cores() * (1 - others)))
    return _own


def cores() -> int:
    """Cores that this process may use."""
    bound = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(bound(0)) if bound else os.cpu_count() or 1
