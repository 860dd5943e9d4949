"""The processes that torchrun starts for one command: which one this is, and how they stay in step.

Only small messages pass between them, over gloo and whatever device the networks run on.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from videobench.errors import Interrupted, VideobenchError

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

T = TypeVar("T")

LONGEST_WAIT = timedelta(days=7)
"""How long a rank waits for the slowest; torchrun ends those that wait for one that died."""


class Ranks:
    """The processes of one command, of which this is number ``rank``; without torchrun it is alone.

    Every rank makes the same calls in the same order.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0, store: "Store | None" = None) -> None:
        self.rank = rank
        self.size = size
        self.local_rank = local_rank
        """Its number on its machine."""
        self._store = store
        self._num_steps = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def gather(self, value: T) -> list[T]:
        """Return every rank's ``value``, which must be picklable, in the order of ranks.

        Interrupted when a rank has gone.
        """
        if self._store is None:
            return [value]
        import torch.distributed

        values = [value] * self.size
        try:
            torch.distributed.all_gather_object(values, value)
        except RuntimeError as error:
            raise Interrupted(
                "another process of this run has gone; what was computed is saved",
                hint="Run the same command again to go on.",
            ) from error
        return values

    @contextmanager
    def in_step(self) -> Iterator[None]:
        """Leave the block together: what one rank raises for users in it, all raise, failures before interruptions."""
        mine: VideobenchError | None = None
        try:
            yield
        except VideobenchError as error:
            mine = error
            self._tell_others()
        raised = [error for error in self.gather(mine) if error is not None]
        self._num_steps += 1
        if raised:
            raise min(raised, key=lambda error: isinstance(error, Interrupted))

    def first(self, work: Callable[[], T]) -> T:
        """Do ``work`` on the first rank alone and return, or raise, on every rank what came of it."""
        done: T | None = None
        with self.in_step():
            if self.is_first:
                done = work()
        return self.gather(done)[0]  # type: ignore[return-value]

    def is_in_vain(self) -> bool:
        """Whether another rank has left the present step with an error, so that this one need not finish it."""
        if self._store is None:
            return False
        try:
            return bool(self._store.check([self._notice]))
        except RuntimeError:
            return True  # torchrun is gone

    def _tell_others(self) -> None:
        if self._store is not None:
            with suppress(RuntimeError):  # torchrun is gone, and gathering will say so
                self._store.set(self._notice, "")

    @property
    def _notice(self) -> str:
        return f"videobench: step {self._num_steps} has failed"


ALONE = Ranks()
"""A process that torchrun did not start."""


@contextmanager
def launched_ranks() -> Iterator[Ranks]:
    """Join the processes that torchrun started together with this one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    import torch.distributed
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://", timeout=LONGEST_WAIT))
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=LONGEST_WAIT)
    try:
        yield Ranks(rank, size, int(os.environ["LOCAL_RANK"]), store)
    finally:
        torch.distributed.destroy_process_group()
