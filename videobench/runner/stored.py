"""What evaluations leave behind for later: the videos they measured, beside their scores.

With both at hand a result can be computed again, fused or exported where there are no videos.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from videobench.atomic import replacing
from videobench.data.video_set import Video, VideoInfo, VideoSet, fingerprint
from videobench.errors import DataError
from videobench.evaluation.score_store import ScoreKey, existing_store, require_complete
from videobench.evaluation.view_scores import ViewScores
from videobench.records import Record
from videobench.runner.wanted import wanted_views
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.protocol import Protocol

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class StoredRun:
    """A record with the scores of every view it counts, and the videos they belong to (without their files)."""

    record: Record
    videos: VideoSet
    protocol: Protocol
    scores: ViewScores


def stored_run(record: Record, workspace: Workspace) -> StoredRun:
    """Gather what is stored of a record's evaluation.

    DataError when its scores or its list of videos aren't here, IncompleteError when scores are missing.
    """
    evaluation = record.evaluation
    clip = Clip.model_validate_json(json.dumps(evaluation["clip"]))
    protocol = Protocol.model_validate_json(json.dumps(evaluation["protocol"]))
    key = ScoreKey(
        weights_sha256=record.weights_sha256,
        data_fingerprint=record.data.fingerprint,
        modality="rgb",
        preprocessing=clip.preprocessing,
    )
    videos = recall_videos(record.data.fingerprint, workspace)
    store = existing_store(workspace.scores / key.hash16)
    wanted = wanted_views(videos, clip, protocol)
    require_complete(store, wanted)
    return StoredRun(record, videos, protocol, store.logits(wanted))


def remember_videos(videos: VideoSet, data: Dataset, subset: Subset, workspace: Workspace) -> None:
    """Keep what is known of the videos of a subset, once for each content."""
    path = _path(fingerprint(videos), workspace)
    if path.exists():
        return
    content = {
        "schema": SCHEMA_VERSION,
        "data": digest(data),
        "subset": subset,
        "name": videos.name,
        "classes": list(videos.classes),
        "class_groups": dict(videos.class_groups),
        "class_pairs": dict(videos.class_pairs),
        "videos": [
            {"id": v.id, "labels": list(v.labels), "source": v.source, "info": asdict(v.info) if v.info else None}
            for v in videos.videos
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def recall_videos(data_fingerprint: str, workspace: Workspace) -> VideoSet:
    """Return the videos with this fingerprint as they were measured here; their paths lead nowhere."""
    path = _path(data_fingerprint, workspace)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            "the list of the videos that were measured is not here",
            where=str(path),
            hint="bring the folder runs/scores/sets along, or run the evaluation where the videos are",
        ) from None
    return _videos(content)


def recall_latest(data: Dataset, subset: Subset, workspace: Workspace) -> Iterator[VideoSet]:
    """Yield every version of a subset that was measured here, the latest first."""
    paths = sorted(_folder(workspace).glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in paths:
        content = json.loads(path.read_text(encoding="utf-8"))
        if (content["data"], content["subset"]) == (digest(data), subset):
            yield _videos(content)


def _videos(content: dict[str, Any]) -> VideoSet:
    return VideoSet(
        name=content["name"],
        classes=tuple(content["classes"]),
        videos=tuple(
            Video(
                row["id"],
                Path(row["id"]),
                tuple(row["labels"]),
                row["source"],
                VideoInfo(**row["info"]) if row["info"] else None,
            )
            for row in content["videos"]
        ),
        class_groups=content["class_groups"],
        class_pairs=content["class_pairs"],
    )


def _folder(workspace: Workspace) -> Path:
    return workspace.scores / "sets"


def _path(data_fingerprint: str, workspace: Workspace) -> Path:
    return _folder(workspace) / f"{data_fingerprint[:16]}.json"
