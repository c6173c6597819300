"""One training run in several processes (torchrun): who computes what, and how it comes together.

Every process, a *rank*, runs the same stages on the same data. A stage deals its rows out with
``share``, and ``gather`` gives every rank the results of all, so that all ranks have the same
tensors and take the same turns. Rank 0 alone has the store, the lease and the iteration's folder;
the others follow it from stage to stage. In one process all of this does nothing.

Ranks trust each other and talk unencrypted (gloo): their network must be private.
"""

import functools
import importlib
import inspect
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed import distributed_c10d
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from training.progress import silent
from tutelage.errors import Invalid, TutelageError, Unavailable

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Found = TypeVar("Found")
Arguments = ParamSpec("Arguments")

CONNECT_WAIT = timedelta(minutes=5)  # for the other ranks to come and be connected to
LONGEST_WAIT = timedelta(hours=4)  # for a rank that works alone, such as rank 0 when it publishes
FOLDER = "out_dir"  # the parameter of a stage that says where it writes


def size() -> int:
    """How many ranks there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this process is."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def beside() -> int:
    """How many ranks share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if size() > 1 else 1


def share(costs: Sequence[int]) -> list[int]:
    """The rows that this rank computes, as ascending indexes.

    Rows are dealt out by falling cost, to and fro, so that every rank has about as much to do.
    """
    everyone = range(size())
    turns = [*everyone, *reversed(everyone)]
    order = sorted(range(len(costs)), key=lambda i: (-costs[i], i))
    return sorted(i for turn, i in enumerate(order) if turns[turn % len(turns)] == rank())


def gather(part: Sequence[Item]) -> list[Item]:
    """The parts of all ranks, one after the other, on every rank.

    Raises Unavailable, as all of these do, when another rank is lost.
    """
    if size() == 1:
        return list(part)
    parts: list[Any] = [None] * size()
    _attend_others()
    with _together():
        distributed.all_gather_object(parts, _packed(list(part)))
    return [item for each in parts for item in _unpacked(each)]


def shared(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Sequence[Found]],
    cost: Callable[[Item], int] = lambda _: 1,
) -> list[Found]:
    """``work`` on all items, each by one rank; the results of all, in the order of the items.

    ``work`` gives one result an item, and gets none but its items.
    """
    own = share([cost(item) for item in items])
    found = work([items[i] for i in own]) if own else []
    placed = dict(gather(list(zip(own, found, strict=True))))
    return [placed[i] for i in range(len(items))]


def sum_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Puts the sum of all ranks' gradients in place of each rank's own."""
    if size() == 1:
        return
    for parameter in parameters:
        if parameter.grad is None:  # this rank had no row
            parameter.grad = torch.zeros_like(parameter)
    gradients = [p.grad for p in parameters if p.grad is not None]
    whole = parameters_to_vector(gradients)
    vector_to_parameters(_sum(whole.cpu()).to(whole.device), gradients)


def in_step(attend: Callable[[], None]) -> Callable[[], None]:
    """For passes that all ranks make together, and of which each has its own number.

    What comes back begins a pass, and waits until every other rank begins it or has none left. A
    rank that has none left, since it wants to ``gather`` or the like, calls ``attend`` instead.
    """
    _attend.append(attend)
    number = len(_attend)

    def begin() -> None:
        _settled(number)

    return begin


_attend: list[Callable[[], None]] = []  # of each kind of pass, what ranks do that have none left


def _attend_others() -> None:
    """Returns when no rank has a pass left."""
    while _attend and (number := _settled(0)):
        _attend[number - 1]()


def _settled(number: int) -> int:
    """The kind of the pass that is next for any rank; 0 where there is none."""
    wanted = torch.tensor(number)
    with _together():
        distributed.all_reduce(wanted, distributed.ReduceOp.MAX)
    return int(wanted)


def agreed(value: Item) -> Item:
    """Rank 0's value: for turns that ranks on different processors must take together."""
    return gather([value])[0]


def _sum(tensor: Tensor) -> Tensor:
    _attend_others()
    with _together():
        distributed.all_reduce(tensor)
    return tensor


def _packed(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def _unpacked(data: bytes) -> Any:
    return torch.load(io.BytesIO(data), weights_only=False)


@contextmanager
def _together() -> Iterator[None]:
    """What the ranks do at once: where one is lost, all of them end."""
    try:
        yield
    except RuntimeError as error:
        raise Unavailable(f"Another process of this training was lost: {error}") from error


# Rank 0 leads, the others follow.


def together(stage: Callable[Arguments, Found]) -> Callable[Arguments, Found]:
    """Makes rank 0's call of a stage one of all ranks.

    Its arguments are sent, but for callbacks: other ranks report nothing. They write into a copy of
    the stage's folder, which goes when the stage is over.
    """
    signature = inspect.signature(stage)

    @functools.wraps(stage)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Found:
        if size() > 1:
            given = signature.bind(*args, **kwargs).arguments
            sent = {name: value for name, value in given.items() if not callable(value)}
            _say((stage.__module__, stage.__name__, sent))
            _wait()  # until the others have their copy of the folder
        try:
            return stage(*args, **kwargs)
        except Invalid:
            raise
        except BaseException:
            if size() > 1:  # the others wait for this rank in mid-stage
                distributed.destroy_process_group()
            raise

    return call


def follow() -> None:
    """Runs the stages that rank 0 runs, until it dismisses this rank."""
    while (said := _say(None)) is not None:
        module, name, arguments = said
        stage = inspect.unwrap(getattr(importlib.import_module(module), name))
        known = inspect.signature(stage).parameters
        callbacks = {key: value for key, value in _CALLBACKS.items() if key in known}
        with tempfile.TemporaryDirectory(prefix="tutelage-rank-") as scratch:
            if FOLDER in arguments:
                arguments[FOLDER] = _copied(arguments[FOLDER], Path(scratch) / "stage")
            _wait()
            try:
                stage(**arguments | callbacks)
            except Invalid:  # of the data, so rank 0 has raised it as well
                continue


def _unflagged(_: str) -> bool:
    """Moderation is rank 0's."""
    return False


_CALLBACKS: dict[str, Any] = {"progress": silent, "flag": _unflagged}


def _copied(folder: Path, to: Path) -> Path:
    if folder.is_dir():
        shutil.copytree(folder, to)
    to.mkdir(exist_ok=True)
    return to


def _say(value: Any) -> Any:
    """What rank 0 says, on every rank."""
    said = [value]
    _attend_others()
    with _together():
        distributed.broadcast_object_list(said, src=0)
    return said[0]


def _wait() -> None:
    _attend_others()
    with _together():
        distributed.barrier()


@contextmanager
def ranks() -> Iterator[bool]:
    """Joins the other processes that torchrun started with this one; whether this one leads.

    Without torchrun it does. At its end the leader dismisses the others. An error that has a reason
    is logged then and not raised: nothing would be gained by another start.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield True
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _together():  # gloo may wait in vain for a connection after a restart, so not for long
        distributed.init_process_group(backend, timeout=CONNECT_WAIT)
    distributed_c10d._set_pg_timeout(LONGEST_WAIT)
    try:
        yield rank() == 0
    except TutelageError as error:
        if size() == 1 or rank():  # broken off in mid-stage
            raise
        logger.error("%s", error)
    finally:
        if distributed.is_initialized():
            if rank() == 0:
                _say(None)
            distributed.destroy_process_group()
