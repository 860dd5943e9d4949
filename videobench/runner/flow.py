"""Which flow belongs to a data set, and the videos that a clip is cut from.

The embedded data set's flow is made on first use, like its videos; that of any other takes hours and has a command.
"""

from dataclasses import replace
from pathlib import Path

from videobench.data.datasets.on_disk import missing_files, some
from videobench.data.datasets.synthetic_scenes import VERSIONS
from videobench.data.failures import unusable
from videobench.data.flow import Algorithm, require_opencv
from videobench.data.flow_set import FlowSettings, VideoFlow, extract_flow, flow_file, read_manifest
from videobench.data.index import index_videos
from videobench.data.video_set import Video, VideoSet
from videobench.errors import DataError
from videobench.runner.build import Count, build_dataset, dataset_root, find_videos, list_videos, worthwhile_workers
from videobench.runner.workspace import Workspace
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset, SyntheticMotion

FLOW_BOUND = 20.0
"""Pixels that the ends of the 8 bits stand for, as in both papers."""


def flow_folder(spec: Dataset, algorithm: Algorithm, workspace: Workspace) -> Path:
    """Return where a data set's packed flow of this algorithm is or belongs."""
    if spec.flow:
        return Path(spec.flow) / algorithm
    root = dataset_root(spec, workspace)
    return root.with_name(f"{root.name}-flow") / algorithm


def find_input(spec: Dataset, subset: Subset, clip: Clip, workspace: Workspace) -> None:
    """DataError for a data set, a subset, a class, a file or flow that is not there; no file is opened.

    ConfigError where OpenCV is missing that flow is to be made with.
    """
    if _is_made(spec):
        if clip.modality == "flow" and not flow_folder(spec, clip.flow_algorithm, workspace).is_dir():
            require_opencv()
    elif clip.modality == "flow":
        find_flow(spec, subset, clip, workspace)
    elif not isinstance(spec, SyntheticMotion):
        find_videos(spec, subset, workspace)


def build_input(
    spec: Dataset,
    subset: Subset,
    clip: Clip,
    workspace: Workspace,
    *,
    num_workers: int = 1,
    progress: Count | None = None,
) -> VideoSet:
    """Return the indexed videos that this clip is cut from: those of the data set, or their flow.

    Raises DataError for anything that is not there or broken; videos that can't be used are left out where the data
    set says so.
    """
    if clip.modality == "rgb":
        return build_dataset(spec, subset, workspace, num_workers=num_workers, progress=progress)
    found = find_flow(spec, subset, clip, workspace, num_workers=num_workers, progress=progress)
    flow = index_videos(
        found,
        cache=workspace.index,
        on_error=spec.on_error,
        num_workers=worthwhile_workers(len(found.videos), num_workers),
        progress=progress,
    )
    if all(video.original for video in flow.videos):
        return flow
    frames = build_dataset(spec, subset, workspace, num_workers=num_workers, progress=progress)
    infos = {video.id: video.info for video in frames.videos}
    return replace(flow, videos=tuple(replace(video, original=infos.get(video.id)) for video in flow.videos))


def find_flow(
    spec: Dataset,
    subset: Subset,
    clip: Clip,
    workspace: Workspace,
    *,
    num_workers: int = 1,
    progress: Count | None = None,
) -> VideoSet:
    """Return the subset with flow in place of its frames: packed, or the pairs in its own folders of frames.

    That of the embedded data set is made where it is missing; of any other set, DataError names what is.
    """
    if _is_made(spec):
        _make_flow(spec, subset, clip, workspace, num_workers, progress)
    hint = "`videobench data flow EXPERIMENT` computes what is missing"
    folder = flow_folder(spec, clip.flow_algorithm, workspace)
    is_packed = folder.is_dir()
    no_flow = DataError(f"there is no {clip.flow_algorithm} flow of {spec.name}", where=str(folder), hint=hint)
    if isinstance(spec, SyntheticMotion):
        if not is_packed:
            raise no_flow
        videos = build_dataset(spec, subset, workspace)
    else:
        videos = list_videos(spec, subset, workspace)
        if not is_packed and not all(video.path.is_dir() for video in videos.videos):
            raise no_flow
    if not is_packed:
        return replace(videos, videos=tuple(replace(video, modality="flow") for video in videos.videos))
    known = read_manifest(folder)
    flow = replace(videos, videos=tuple(_packed(video, known.get(video.id), folder) for video in videos.videos))
    if spec.on_error != "skip" and (missing := missing_files(flow)):
        raise DataError(
            f"{len(missing)} of {len(flow.videos)} videos of {spec.name} have no {clip.flow_algorithm} flow:"
            f" {some(video.id for video in missing)}",
            where=str(folder),
            hint=hint,
        )
    return flow


def _is_made(spec: Dataset) -> bool:
    """Tell whether a data set's flow is made here; in a folder of the user's lies what they computed."""
    return isinstance(spec, SyntheticMotion) and not spec.flow


def flow_size(spec: Dataset, clip: Clip) -> tuple[int, int]:
    """Return the height and width of the frames that flow is computed on: the clip's, or the embedded data set's."""
    if isinstance(spec, SyntheticMotion):
        side = VERSIONS[spec.version].size
        return side, side
    return clip.resize


def _make_flow(
    spec: Dataset, subset: Subset, clip: Clip, workspace: Workspace, num_workers: int, progress: Count | None
) -> None:
    """Compute the flow that is missing, if any is, on frames of the data set's own size whatever the clip's is."""
    folder = flow_folder(spec, clip.flow_algorithm, workspace)
    videos = build_dataset(spec, subset, workspace, num_workers=num_workers, progress=progress)
    if all(flow_file(folder, video.id).is_file() for video in videos.videos):
        return
    settings = FlowSettings(clip.flow_algorithm, FLOW_BOUND, flow_size(spec, clip))
    workers = worthwhile_workers(len(videos.videos), num_workers)
    _, failures = extract_flow(videos, folder, settings, num_workers=workers, progress=progress)
    if failures:
        raise unusable(videos, failures)


def _packed(video: Video, line: VideoFlow | None, folder: Path) -> Video:
    original = line.original if line else None
    return replace(video, path=flow_file(folder, video.id), info=None, modality="flow", original=original)
