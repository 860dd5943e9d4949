"""Running one fusion of a plan, after the evaluations that it joins."""

from videobench.errors import DataError, IncompleteError
from videobench.records import read_record
from videobench.runner.events import Report
from videobench.runner.fuse import fuse
from videobench.runner.plan import FusionNode
from videobench.runner.workspace import Workspace


def run_fusion(node: FusionNode, workspace: Workspace, report: Report) -> None:
    """Write the record of ``node`` from the stored scores of what it joins.

    DataError where one of these has no record or no scores, or they differ in videos, classes or labels.
    """
    report(node.event("started", streams=list(node.names.values())))
    records = {stream: read_record(workspace.records, digest) for stream, digest in node.fusion.streams.items()}
    try:
        fused = fuse(node.fusion, records, node.names, workspace)
    except (DataError, IncompleteError) as error:
        listed = ", ".join(f"{node.names[stream]} is {digest}" for stream, digest in node.fusion.streams.items())
        hint = f"to have a stream measured anew, delete its record in {workspace.records}: {listed}"
        raise type(error)(error.what, where=error.where, hint="\n".join(filter(None, (error.hint, hint)))) from error
    fused.write(workspace.records)
    cost, video_accuracy = fused.record.cost, fused.record.metrics["video@1"]
    report(node.event("finished", seconds=cost.evaluation_seconds, **{"video@1": 100 * video_accuracy.value}))
