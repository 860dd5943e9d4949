"""Whether the flow of a set can be what it claims to be: broken extractions train without an error, to chance."""

from collections.abc import Iterable, Iterator, Sequence

from videobench.data.check import Finding
from videobench.data.failures import Failure
from videobench.data.flow_set import VideoFlow

REST = 127.5
MAX_DRIFT = 10.0  # levels that the mean over a set may lie off rest: at a bound of 20 px, 1.6 px
MAX_SATURATED = 0.01  # share of a set's values at the bound
MAX_STILL = 0.1  # share of a set's videos in which nothing moves


def flow_findings(flows: Sequence[VideoFlow], failures: Iterable[Failure]) -> Iterator[Finding]:
    """Yield what is wrong with the flow of a set, and which of its videos have none."""
    for failure in failures:
        yield Finding("no flow", f"{failure.video.path}: {failure.what}", (failure.video.id,))
    if not flows:
        return
    still = [flow for flow in flows if flow.still]
    for flow in still:
        levels = f"levels {flow.mean_x:g} and {flow.mean_y:g} throughout"
        yield Finding("still", f"{flow.video}: {levels}", (flow.video,), is_problem=len(still) > MAX_STILL * len(flows))
    for direction, mean in zip(("horizontal", "vertical"), mean_levels(flows), strict=True):
        if abs(mean - REST) > MAX_DRIFT:
            yield Finding("off centre", f"the mean {direction} level is {mean:.1f}, that of rest {REST}")
    if (share := saturated_share(flows)) > MAX_SATURATED:
        yield Finding("saturated", f"{share:.1%} of the values lie at the bound: compute it with a larger --bound")


def mean_levels(flows: Sequence[VideoFlow]) -> tuple[float, float]:
    """Return the mean horizontal and vertical level of a set."""
    return _mean(flows, [flow.mean_x for flow in flows]), _mean(flows, [flow.mean_y for flow in flows])


def saturated_share(flows: Sequence[VideoFlow]) -> float:
    """Return the share of a set's values at either end of the scale."""
    return _mean(flows, [flow.saturated for flow in flows])


def _mean(flows: Sequence[VideoFlow], values: Sequence[float]) -> float:
    sizes = [flow.num_fields * flow.height * flow.width for flow in flows]
    return sum(size * value for size, value in zip(sizes, values, strict=True)) / sum(sizes)
