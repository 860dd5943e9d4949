"""What evaluations leave behind for later: the videos they measured, beside their scores.

With both at hand a result can be computed again, fused or exported where there are no videos.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from videobench.atomic import replacing
from videobench.data.video_set import Skipped, Video, VideoInfo, VideoSet, fingerprint
from videobench.errors import DataError
from videobench.evaluation.score_store import ScoreKey, WeightsOrigin, existing_store, require_complete
from videobench.evaluation.view_scores import ViewScores
from videobench.evaluation.views import View
from videobench.records import Record
from videobench.runner.wanted import wanted_views
from videobench.runner.workspace import Workspace
from videobench.spec.base import digest
from videobench.spec.clip import Clip
from videobench.spec.dataset import Dataset, Subset
from videobench.spec.head import Head
from videobench.spec.network import Network
from videobench.spec.protocol import Protocol
from videobench.spec.units import Training, WeightsFile

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class StoredRun:
    """A record with the scores of every view it counts, and the videos they belong to (without their files)."""

    record: Record
    videos: VideoSet
    protocol: Protocol
    wanted: Mapping[str, Sequence[View]]
    """The views of every video as often as they are counted; ``scores`` has each once, a video's in ascending order."""
    scores: ViewScores


def stored_run(record: Record, workspace: Workspace) -> StoredRun:
    """Gather what is stored of a record's evaluation.

    DataError when its scores or its list of videos aren't here, IncompleteError when scores are missing.
    """
    evaluation = record.evaluation
    if "fusion" in evaluation:
        raise DataError(
            "a fused result has no scores of its own; its streams have",
            where=f"record {record.digest}",
            hint=", ".join(f"{name} is {key}" for name, key in evaluation["fusion"]["streams"].items()),
        )
    try:
        clip = Clip.model_validate_json(json.dumps(evaluation["clip"]))
        protocol = Protocol.model_validate_json(json.dumps(evaluation["protocol"]))
        networks = [""] if record.training_digest else _networks_of_file(evaluation)
    except ValidationError as error:
        raise DataError(
            "it was measured by another version of videobench, whose settings this one doesn't know",
            where=f"record {record.digest}",
            hint="run the evaluation again",
        ) from error
    keys = [score_key(record.weights_sha256, record.data.fingerprint, clip, network) for network in networks]
    videos = recall_videos(record.data.fingerprint, workspace)
    folders = [workspace.scores / key.hash16 for key in keys]
    store = existing_store(next((folder for folder in folders if folder.is_dir()), folders[0]))
    wanted = wanted_views(videos, clip, protocol)
    require_complete(store, wanted)
    return StoredRun(record, videos, protocol, wanted, store.logits(wanted))


def score_key(weights_sha256: str, data_fingerprint: str, clip: Clip, network: str) -> ScoreKey:
    """Return the key of the scores that these weights give on these videos, in the network that ``network`` names."""
    return ScoreKey(
        weights_sha256, data_fingerprint, modality=clip.modality, preprocessing=clip.preprocessing, network=network
    )


def network_in_key(card: Mapping[str, Any] | None, network: Network, head: Head) -> str:
    """Return what a key says of the network: nothing where the weights' own ``card`` says it is this one.

    Other files may fit several networks, which differ in what has no weights (BatchNorm's epsilon, the frames read).
    """
    own = {"network": network.model_dump(mode="json"), "head": head.model_dump(mode="json")}
    return "" if card and own.items() <= card.items() else f"{digest(network)} {digest(head)}"


def networks_in_keys(network: Network, head: Head) -> list[str]:
    """Return what the keys of a file's scores may say of the network, the likeliest first: its card isn't at hand."""
    return [network_in_key(None, network, head), ""]


def _networks_of_file(evaluation: Mapping[str, Any]) -> list[str]:
    network = TypeAdapter[Network](Network).validate_json(json.dumps(evaluation["network"]))
    head = TypeAdapter[Head](Head).validate_json(json.dumps(evaluation.get("head", {})))
    return networks_in_keys(network, head)


def weights_origin(weights: Training | WeightsFile, card: Mapping[str, Any] | None) -> WeightsOrigin:
    """Return what a store says about where its weights came from; ``card`` is what stands beside them."""
    if isinstance(weights, WeightsFile):
        return WeightsOrigin(weights.label, card=card)
    label = f"{weights.network.label}, {weights.clip.frames} frames, seed {weights.seed}"
    return WeightsOrigin(label, digest(weights), card)


def remember_videos(videos: VideoSet, data: Dataset, subset: Subset, workspace: Workspace) -> None:
    """Keep what is known of the videos of a subset, once for each content; a file's time says when it was last met."""
    content = {
        "schema": SCHEMA_VERSION,
        "label": f"{videos.name} {subset}, {data.partition}",
        "name": videos.name,
        "classes": list(videos.classes),
        "class_groups": dict(videos.class_groups),
        "class_pairs": dict(videos.class_pairs),
        "videos": [
            {
                "id": video.id,
                "labels": list(video.labels),
                "source": video.source,
                "info": asdict(video.info),
                "modality": video.modality,
                "original": video.original and asdict(video.original),
            }
            for video in videos.videos
            if video.info is not None  # opened sets are indexed
        ],
        "skipped": [asdict(skipped) for skipped in videos.skipped],
        "copies": videos.copies,
    }
    path = _folder(workspace) / f"{fingerprint(videos)[:16]}-{digest(data)}-{subset}.json"
    text = json.dumps(content, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        path.touch()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def recall_videos(data_fingerprint: str, workspace: Workspace) -> VideoSet:
    """Return the videos with this fingerprint as they were measured here; their paths lead nowhere."""
    paths = sorted(_folder(workspace).glob(f"{data_fingerprint[:16]}-*.json"))
    if not paths:
        raise no_videos(f"the list of the videos with the fingerprint {data_fingerprint[:16]}", workspace)
    return _read(paths[0])


def recall_latest(data: Dataset, subset: Subset, workspace: Workspace) -> Iterator[VideoSet]:
    """Yield every version of a subset that was measured here, the one met last first."""
    paths = _folder(workspace).glob(f"*-{digest(data)}-{subset}.json")
    yield from map(_read, sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True))


def labels_of_sets(workspace: Workspace) -> dict[str, str]:
    """Return what people call each list of videos here, by the first 16 digits of its fingerprint."""
    paths = sorted(_folder(workspace).glob("*-*-*.json"))
    return {path.name[:16]: str(_content(path).get("label")) for path in paths}


def no_videos(what: str, workspace: Workspace) -> DataError:
    """Return the error for a list of measured videos that isn't here."""
    return DataError(
        f"{what} is not here",
        where=str(_folder(workspace)),
        hint="bring the folder runs/scores/sets along, or run the evaluation where the videos are",
    )


def _content(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            f"not a list of videos ({error})",
            where=str(path),
            hint="delete it and run the evaluation where the videos are",
        ) from error
    return content


def _read(path: Path) -> VideoSet:
    content = _content(path)
    return VideoSet(
        name=content["name"],
        classes=tuple(content["classes"]),
        videos=tuple(
            Video(
                row["id"],
                Path(row["id"]),
                tuple(row["labels"]),
                row["source"],
                VideoInfo(**row["info"]),
                modality=row.get("modality", "rgb"),
                original=VideoInfo(**row["original"]) if row.get("original") else None,
            )
            for row in content["videos"]
        ),
        class_groups=content["class_groups"],
        class_pairs=content["class_pairs"],
        skipped=tuple(Skipped(**row) for row in content["skipped"]),
        copies=content.get("copies"),
    )


def _folder(workspace: Workspace) -> Path:
    return workspace.scores / "sets"
