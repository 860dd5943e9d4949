import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from videobench.errors import DataError
from videobench.records import (
    Cost,
    Environment,
    EvaluatedData,
    Metric,
    NetworkSize,
    Record,
    SkippedVideo,
    flatten,
    has_record,
    load_records,
    read_record,
    read_videos,
    write_atomically,
    write_record,
)
from videobench.video_outcome import VideoOutcome

VIDEOS = [
    VideoOutcome("a,1", "g01", (3,), (3, 1, 0, 2, 4), "motion", 0.7, True, True, 0.5, 10, 10),
    VideoOutcome('b "quoted"\r\nline', "b", (0, 12), (5, 1), "", None, False, False, None, 10, 1),
]


def make_record(digest: str = "0123abcd", **changes: Any) -> Record:
    record = Record(
        digest=digest,
        training_digest="ffee",
        scale="cpu",
        seed=0,
        training={"clip": {"frames": 8}, "recipe": {"learning_rate": 0.1}},
        evaluation={"clip": {"frames": 8}, "protocol": {"clips": 10, "crops": ["centre"]}},
        data=EvaluatedData(
            name="synthetic-motion",
            fingerprint="f00d",
            num_expected=3,
            num_evaluated=2,
            skipped=(SkippedVideo(video="c", reason="c.mp4: no frame can be decoded"),),
            classes_sha256="c1a55",
        ),
        metrics={"video@1": Metric(value=1 / 3, low=0.1, high=0.7 + 1e-16, covers="videos", method="bootstrap", n=2)},
        groups={"motion": {"video@1": Metric(value=1, low=0, high=1, covers="videos", method="x", n=1)}},
        network=NetworkSize(parameters=33_371_472, conv_fc_weights=33_361_472, macs=20_348_000_000),
        cost=Cost(training_seconds=None, evaluation_seconds=12.5, clips=20, device="cpu", threads=1),
        weights_sha256="beef",
        environment=Environment(
            git_sha="abc", dirty=False, python="3.11", torch="2.13.0", av="17", ffmpeg="8", platform="Linux"
        ),
        created="2026-01-02T03:04:05Z",
    )
    return dataclasses.replace(record, **changes)


def test_a_record_comes_back_exactly_as_it_was_written(tmp_path: Path) -> None:
    """Every field survives the round trip at full precision, and nothing but the two files is left behind."""
    record = make_record()
    path = write_record(tmp_path / "records", record, VIDEOS)
    assert read_record(tmp_path / "records", record.digest) == record
    assert read_videos(tmp_path / "records", record.digest) == VIDEOS
    assert has_record(path.parent, record.digest)
    assert not has_record(path.parent, "other")
    assert sorted(file.name for file in path.parent.iterdir()) == ["0123abcd.json", "0123abcd.videos.csv"]


def test_a_row_of_numbers_reads_like_a_row_of_text() -> None:
    """NaN, as the evaluation has it where a number does not exist, and empty text are both None."""
    row = {**VIDEOS[1].to_row(), "clip_hits": float("nan")}
    assert VideoOutcome.from_row(row) == VIDEOS[1]


def test_flatten_joins_nested_names_with_dots() -> None:
    """Mappings are flattened at any depth; lists stay values."""
    assert flatten({"a": {"b": {"c": 1}}, "d": [2], "e": {}}) == {"a.b.c": 1, "d": [2]}


def test_load_records_gives_a_column_per_flat_field(tmp_path: Path) -> None:
    """The table has a line per record and the numbers unrounded; an absent folder gives an empty one."""
    for digest in ("aa", "bb"):
        write_record(tmp_path, make_record(digest), VIDEOS)
    table = load_records(tmp_path)
    assert list(table["digest"]) == ["aa", "bb"]
    assert table["metrics.video@1.value"][0] == 1 / 3
    assert table["evaluation.protocol.clips"][1] == 10
    assert load_records(tmp_path / "absent").empty


def test_a_thousand_records_load_as_one_table(tmp_path: Path) -> None:
    """Every record becomes a line, none is lost or doubled."""
    text = write_record(tmp_path, make_record("template"), []).read_text()
    for number in range(1000):
        (tmp_path / f"{number:04x}.json").write_text(text.replace("template", f"{number:04x}"))
    (tmp_path / "template.json").unlink()
    table = load_records(tmp_path)
    assert sorted(table["digest"]) == [f"{number:04x}" for number in range(1000)]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[: len(text) // 2], "not JSON"),
        (lambda text: text.replace('"seed": 0', '"seed": "zero"'), "record.seed"),
        (lambda text: text.replace('"seed": 0', '"sede": 0'), "sede"),
        (lambda text: text.replace('"digest": "aa"', '"digest": "bb"'), "'bb'"),
        (lambda _: "[]", "damaged record"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, damage: Any, reason: str) -> None:
    """Reading one record or all of them names the damaged file and what is wrong with it."""
    path = write_record(tmp_path, make_record("aa"), VIDEOS)
    path.write_text(damage(path.read_text()))
    for read in (lambda: read_record(tmp_path, "aa"), lambda: load_records(tmp_path)):
        with pytest.raises(DataError) as caught:
            read()
        assert caught.value.where == str(path)
        assert reason in str(caught.value)


def test_bytes_that_are_no_text_are_a_damaged_record(tmp_path: Path) -> None:
    """A file of zeros, as a power cut leaves it on some file systems, is damaged, not a crash."""
    write_record(tmp_path, make_record("aa"), VIDEOS).write_bytes(b"\xff\x00" * 50)
    with pytest.raises(DataError, match="damaged record"):
        read_record(tmp_path, "aa")


def test_all_damaged_records_are_named_at_once(tmp_path: Path) -> None:
    """Two damaged records give one error with both names."""
    for digest in ("aa", "bb", "cc"):
        write_record(tmp_path, make_record(digest), VIDEOS)
    for digest in ("aa", "cc"):
        (tmp_path / f"{digest}.json").write_text("{")
    with pytest.raises(DataError, match=r"(?s)2 damaged records.*aa\.json.*cc\.json"):
        load_records(tmp_path)


def test_a_newer_schema_asks_for_an_update(tmp_path: Path) -> None:
    """A record of a later videobench is refused with both versions, not read as if it were known."""
    path = write_record(tmp_path, make_record("aa"), VIDEOS)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "schema_version": 99, "unheard_of": 1}))
    with pytest.raises(DataError, match=r"schema version 99; this videobench reads up to 1\nUpdate"):
        read_record(tmp_path, "aa")


def test_a_missing_record_says_what_to_run(tmp_path: Path) -> None:
    """A digest without a record is a DataError with exit code 3 and a hint."""
    with pytest.raises(DataError, match="videobench eval") as caught:
        read_record(tmp_path, "aa")
    assert caught.value.exit_code == 3


def test_videos_that_do_not_belong_to_the_record_are_refused(tmp_path: Path) -> None:
    """A CSV file changed after the record was written is never mixed with its numbers."""
    write_record(tmp_path, make_record("aa"), VIDEOS)
    path = tmp_path / "aa.videos.csv"
    path.write_text(path.read_text().replace("motion", "order"))
    with pytest.raises(DataError, match="not the one its record was written with"):
        read_videos(tmp_path, "aa")


def test_an_unwritable_folder_is_a_data_error_with_the_path(tmp_path: Path) -> None:
    """Where no folder can be made, the error names the path and says what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--home") as caught:
        write_record(tmp_path / "file" / "records", make_record("aa"), VIDEOS)
    assert caught.value.where is not None
    assert str(tmp_path / "file" / "records") in caught.value.where
    assert caught.value.exit_code == 3


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up while writing, the old content stays and the temporary file goes."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    write_atomically(tmp_path / "file", "old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left"):
        write_atomically(tmp_path / "file", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_a_number_that_is_none_is_not_written(tmp_path: Path) -> None:
    """NaN never reaches a record: JSON has no such number."""
    metric = Metric(value=float("nan"), low=0, high=1, covers="videos", method="x", n=1)
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(tmp_path, make_record(metrics={"video@1": metric}), VIDEOS)
    assert not has_record(tmp_path, "0123abcd")


def test_records_published_and_tables_load_no_torch() -> None:
    """Reading results and rendering tables takes a fraction of a second: no torch, not even indirectly."""
    code = (
        "import sys, videobench.records, videobench.published.paper, videobench.tables.join,"
        " videobench.tables.render, videobench.tables.check; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
