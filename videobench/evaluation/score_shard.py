"""The files of a score store: parquet, a row a view, whole or not there at all, damage noticed by checksums."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from videobench.atomic import replacing
from videobench.errors import DataError
from videobench.evaluation.views import View

if TYPE_CHECKING:
    import pandas as pd

KEY_COLUMNS = ["video", "start", "frames", "stride", "crop", "flip"]


class UnreadableShardError(Exception):
    """The file is damaged, out of reach, or no shard of this store."""


def write_shard(path: Path, views: Sequence[tuple[str, View]], logits: NDArray[np.float32]) -> None:
    """Write the logits [R, K] of R (video, view) pairs; on return they are on the disk."""
    schema = _schema(logits.shape[1])
    columns = [
        pa.array([video for video, _ in views], pa.string()),
        *(pa.array([getattr(view, name) for _, view in views], schema.field(name).type) for name in KEY_COLUMNS[1:]),
        pa.FixedSizeListArray.from_arrays(
            pa.array(np.ascontiguousarray(logits, np.float32).reshape(-1)), type=schema.field("logits").type
        ),
    ]
    table = pa.Table.from_arrays(columns, schema=schema)
    try:
        with replacing(path) as temporary:
            pq.write_table(
                table, temporary, compression="none", use_dictionary=["video", "crop"], write_page_checksum=True
            )
    except OSError as error:
        error.filename = error.filename or str(path)  # pyarrow's don't say which file
        raise


def read_keys(path: Path, *, num_classes: int) -> "pd.DataFrame":
    """Read KEY_COLUMNS and ``row``, the number of the row in the shard; UnreadableShardError if that fails."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if not file.schema_arrow.equals(_schema(num_classes)):
                raise UnreadableShardError("its columns are not those of a shard with this number of classes")
            keys: pd.DataFrame = file.read(columns=KEY_COLUMNS).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableShardError(str(error)) from error
    return keys.assign(row=np.arange(len(keys)))


def read_logits(path: Path, *, num_classes: int) -> NDArray[np.float32]:
    """Read all logits of a shard whose keys could be read, [R, K]; DataError when they are damaged or gone."""
    try:
        table = pq.read_table(path, columns=["logits"], page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"its scores cannot be read any more ({error})",
            where=str(path),
            hint="delete this file and run the evaluation again: it computes only what is missing",
        ) from error
    flat: NDArray[np.float32] = table["logits"].combine_chunks().flatten().to_numpy()
    return flat.reshape(-1, num_classes)


def _schema(num_classes: int) -> pa.Schema:
    # Nothing is ever null; saying so makes reading twice as fast.
    types = {
        "video": pa.string(),
        "start": pa.int64(),
        "frames": pa.int64(),
        "stride": pa.int64(),
        "crop": pa.string(),
        "flip": pa.bool_(),
        "logits": pa.list_(pa.field("element", pa.float32(), nullable=False), num_classes),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in types.items()])
