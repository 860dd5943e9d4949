"""The order in which a plan's units run: each after those whose weights or scores it needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from videobench.errors import VideobenchError
from videobench.runner.plan import Node, TrainingNode


@dataclass(frozen=True)
class Failure:
    """A unit that failed, and why."""

    node: Node
    error: VideobenchError


@dataclass
class Outcome:
    """What became of a plan's units."""

    finished: list[str] = field(default_factory=list)
    """Digests."""
    failures: list[Failure] = field(default_factory=list)
    skipped: list[Node] = field(default_factory=list)
    """Not run: something they need failed, or everything was stopped."""


class Schedule:
    """Hands out units as their turn comes and remembers what became of them."""

    def __init__(self, nodes: Sequence[Node], *, keep_going: bool) -> None:
        self.outcome = Outcome()
        self.waiting: list[Node] = list(nodes)
        self.interrupted = False
        self._keep_going = keep_going
        self._unfinished = {node.digest for node in nodes}

    def next(self) -> Node | None:
        """Take the next unit that can start now; trainings last, so that results appear early."""
        if self.interrupted or (self.outcome.failures and not self._keep_going):
            return None
        ready = [node for node in self.waiting if self._unfinished.isdisjoint(node.needs)]
        if not ready:
            return None
        chosen = min(ready, key=lambda node: isinstance(node, TrainingNode))
        self.waiting.remove(chosen)
        return chosen

    def finish(self, node: Node) -> None:
        self.outcome.finished.append(node.digest)
        self._unfinished.discard(node.digest)

    def fail(self, node: Node, error: VideobenchError) -> None:
        """Count ``node`` as failed and skip all that needs it, directly or not."""
        self.outcome.failures.append(Failure(node, error))
        lost = {node.digest}
        while blocked := [other for other in self.waiting if not lost.isdisjoint(other.needs)]:
            for other in blocked:
                self.waiting.remove(other)
                self.outcome.skipped.append(other)
                lost.add(other.digest)

    def close(self) -> Outcome:
        """Return what became of everything; what still waits was not run."""
        self.outcome.skipped += self.waiting
        return self.outcome
