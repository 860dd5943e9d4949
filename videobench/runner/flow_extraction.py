"""Computing the optical flow of the videos that an experiment reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videobench.data import check
from videobench.data.flow import Algorithm
from videobench.data.flow_check import flow_findings, mean_levels, saturated_share
from videobench.data.flow_set import FlowSettings, extract_flow
from videobench.errors import ConfigError
from videobench.runner.data_sets import Checked, DataSets, Use
from videobench.runner.events import Event
from videobench.runner.flow import flow_folder, flow_size
from videobench.runner.plan import Node
from videobench.runner.prepare import explaining_killed_workers, inputs_of
from videobench.runner.workspace import Workspace
from videobench.spec.dataset import Dataset, Subset


@dataclass(frozen=True)
class FlowJob:
    """Flow to compute: of which subset, what kind, and where it goes."""

    use: Use
    settings: FlowSettings
    folder: Path


def flow_jobs(
    nodes: Sequence[Node],
    workspace: Workspace,
    *,
    algorithm: Algorithm | None,
    bound: float,
    size: tuple[int, int] | int | None,
    out: Path | None,
) -> list[FlowJob]:
    """Return what there is to compute for the nodes' clips of flow or, where there are none, for all of them.

    Unless given, ``algorithm`` and ``size`` are the clips' own, or the size that of the embedded data set. ConfigError
    where a subset's clips differ in size.
    """
    inputs = inputs_of(nodes)
    jobs: dict[tuple[Dataset, Subset, Algorithm], FlowJob] = {}
    for data, subset, clip in [each for each in inputs if each[2].modality == "flow"] or inputs:
        whose = algorithm or clip.flow_algorithm
        folder = out / whose if out else flow_folder(data, whose, workspace)
        job = FlowJob(Use(data, subset, span=2), FlowSettings(whose, bound, size or flow_size(data, clip)), folder)
        other = jobs.setdefault((data, subset, whose), job)
        if other != job:
            raise ConfigError(
                f"clips of {data.name} are resized to {clip.resize} and to {other.settings.size}",
                where="--size",
                hint="say at which size flow is computed; reading scales it to the others",
            )
    return list(jobs.values())


def compute_flow(job: FlowJob, data_sets: DataSets) -> Checked:
    """Compute what is missing of a subset's flow and return what is wrong with the whole of it, with its facts.

    DataError where the videos can't be listed, ConfigError where OpenCV is missing or the folder holds other flow.
    """
    label = f"{job.use.label}, {job.settings.algorithm}"
    found = data_sets.index(job.use)
    with explaining_killed_workers(label, data_sets.should_stop):
        flows, failures = extract_flow(
            found.videos, job.folder, job.settings, num_workers=data_sets.jobs, progress=data_sets.progress(label)
        )
    data_sets.report(Event("finished", "data", label, label))
    findings = (*check.missing(found.missing), *check.broken(found.failures), *flow_findings(flows, failures))
    mean_x, mean_y = mean_levels(flows) if flows else (None, None)
    facts = {
        "data": job.use.set_label,
        "subset": job.use.subset,
        "algorithm": job.settings.algorithm,
        "videos": len(found.listed.videos),
        "done": len(flows),
        "fields": sum(flow.num_fields for flow in flows),
        "mean_x": mean_x,
        "mean_y": mean_y,
        "saturated": saturated_share(flows) if flows else None,
        "bytes": sum(flow.size_bytes for flow in flows),
        "folder": str(job.folder),
    }
    return Checked(label, findings, facts)
