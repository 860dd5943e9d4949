"""A run class by class: how often each is right, and what it is taken for."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from videobench.errors import DataError
from videobench.evaluation.statistics import Mean, mean
from videobench.records import Record, read_video_columns
from videobench.run_reference import Run
from videobench.spec.protocol import Protocol
from videobench.tables.class_names import class_names
from videobench.tables.outcomes import align, run_of


@dataclass(frozen=True, kw_only=True)
class ClassResult:
    """One class: its accuracy, and the class it is most often taken for, as a share of its videos."""

    name: str
    group: str
    accuracy: Mean
    confused_with: str | None
    confused_share: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassReport:
    """A run's classes, the worst first. ``confusion[label, predicted]`` counts videos at all seeds, in class order.

    ``num_videos`` counts a video once for each split.
    """

    run: str
    data: str
    protocol: str
    scale: str
    num_videos: int
    num_seeds: int
    classes: tuple[ClassResult, ...]
    class_names: tuple[str, ...]  # [K]
    confusion: npt.NDArray[np.int64]  # [K, K]

    @property
    def about(self) -> str:
        """What was evaluated, in one line."""
        seeds = f" at {self.num_seeds} seeds" if self.num_seeds > 1 else ""
        return f"{self.data}, {self.scale} scale; {self.num_videos:,} videos{seeds}; {self.protocol}"


def class_report(run: Run, folder: Path) -> ClassReport:
    """Report on a run's records in ``folder``, over its seeds and splits together.

    A video of several labels counts for the first; any of them is right. DataError for splits of different classes.
    """
    record = run.records[0]
    if len({one.data.classes_sha256 for one in run.records}) > 1:
        raise DataError(f"the evaluations of {run.name} don't have the same classes", hint="report on one of them")
    aligned = align([[run_of(one, read_video_columns(folder, one.digest)) for one in run.records]])
    labels = aligned.shared(lambda found: found.first_labels)  # [N]
    groups = aligned.shared(lambda found: found.groups)  # [N]
    hits = aligned.column(0, lambda found: found.values["video@1"])  # [S, N]
    predicted = np.where(hits == 1, labels, aligned.column(0, lambda found: found.predicted))  # [S, N]
    names = class_names(folder, record, num_known=int(max(labels.max(), predicted.max())) + 1)
    confusion = np.zeros((len(names), len(names)), np.int64)
    np.add.at(confusion, (np.broadcast_to(labels, predicted.shape), predicted), 1)
    classes = []
    for label in np.unique(labels).tolist():
        of_class = labels == label
        wrong = confusion[label].copy()
        wrong[label] = 0
        classes.append(
            ClassResult(
                name=names[label],
                group=str(groups[of_class][0]),
                accuracy=mean(hits[:, of_class], clusters=aligned.clusters(of_class)),
                confused_with=names[int(wrong.argmax())] if wrong.any() else None,
                confused_share=float(wrong.max() / confusion[label].sum()),
            )
        )
    return ClassReport(
        run=run.name,
        data=record.data.name,
        protocol=_protocol(record),
        scale=record.scale,
        num_videos=len(labels),
        num_seeds=len(hits),
        classes=tuple(sorted(classes, key=lambda one: one.accuracy.value)),
        class_names=names,
        confusion=confusion,
    )


def _protocol(record: Record) -> str:
    if "fusion" in record.evaluation:
        return f"fusion of {' and '.join(record.evaluation['fusion']['streams'])}"
    return Protocol.model_validate_json(json.dumps(record.evaluation["protocol"])).description
