"""The store of scores: what goes in comes out, whoever else writes and whenever a writer dies."""

import errno
import os
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from videobench.errors import DataError, IncompleteError
from videobench.evaluation.score_store import (
    ScoreKey,
    ScoreStore,
    WeightsOrigin,
    existing_store,
    open_store,
    require_complete,
    stores_under,
)
from videobench.evaluation.views import View, views_of

KEY = ScoreKey("weights", "data", "rgb", "128x171 bilinear, 112 crop")
CLASSES = ("run", "walk", "jump")


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path, KEY, CLASSES)


def some_views(num_videos, *, num_clips=4, length=100):
    return {
        f"video{n}": views_of(length + n, frames=16, num_clips=num_clips, grid="authors") for n in range(num_videos)
    }


def pairs_of(wanted):
    return [(video, view) for video, views in wanted.items() for view in dict.fromkeys(views)]


def logits_for(pairs):
    """Logits that say which view they belong to."""
    return np.array([[int(video[5:]), view.start, 0.1] for video, view in pairs], np.float32).reshape(-1, 3)


def test_what_is_written_is_read_in_the_order_asked_for(store):
    """Shards in any order, videos asked for in another: every row is the right one."""
    wanted = some_views(5)
    pairs = pairs_of(wanted)
    for part in (pairs[7:], pairs[:3], pairs[3:7]):
        store.write(part, logits_for(part))
    asked = {video: wanted[video] for video in ("video3", "video0", "video4")}
    scores = store.logits(asked)
    assert scores.videos == ("video3", "video0", "video4")
    np.testing.assert_array_equal(scores.logits, logits_for(pairs_of(asked)))
    assert scores.first_row.tolist() == [0, 4, 8]
    assert scores.counts.tolist() == [1] * 12


def test_every_part_of_a_view_tells_it_apart(store):
    """Views that differ in one field only do not answer for each other."""
    view = View(3, 8, 2, "left", False)
    store.write([("video0", view)], np.ones((1, 3), np.float32))
    others = [
        View(4, 8, 2, "left", False),
        View(3, 9, 2, "left", False),
        View(3, 8, 1, "left", False),
        View(3, 8, 2, "right", False),
        View(3, 8, 2, "left", True),
    ]
    assert store.missing({"video0": [view, *others], "video1": [view]}) == {
        "video0": sorted(others),
        "video1": [view],
    }


def test_repeated_views_are_one_row_with_its_count(store):
    """A video shorter than the clip has one view, counted ten times."""
    wanted = {"video0": views_of(5, frames=16, num_clips=10, grid="authors")}
    assert store.missing(wanted) == {"video0": wanted["video0"][:1]}
    store.write([("video0", wanted["video0"][0])], np.ones((1, 3), np.float32))
    scores = store.logits(wanted)
    assert scores.logits.shape == (1, 3)
    assert scores.counts.tolist() == [10]


def test_of_a_view_stored_twice_the_older_shard_counts(store):
    """The union does not depend on which process reads or in what order."""
    view = View(0, 16, 1, "centre", False)
    for value in (1.0, 2.0):
        store.write([("video0", view)], np.full((1, 3), value, np.float32))
    again = existing_store(store.folder)
    assert again.logits({"video0": [view]}).logits.tolist() == [[1.0] * 3]
    assert len(again.frame()) == 1


def test_new_shards_of_others_are_seen_without_reopening(store):
    """A store that is open finds what another process has added since."""
    wanted = some_views(2)
    assert len(store.missing(wanted)) == 2
    pairs = pairs_of(wanted)
    open_store(store.folder.parent, KEY, CLASSES).write(pairs, logits_for(pairs))
    assert store.missing(wanted) == {}


def test_the_frame_has_every_view_with_its_logits(store):
    """The whole store as a table, one row a view."""
    pairs = pairs_of(some_views(3))
    store.write(pairs[5:], logits_for(pairs[5:]))
    store.write(pairs[:5], logits_for(pairs[:5]))
    frame = store.frame()
    assert list(frame.columns) == ["video", "start", "frames", "stride", "crop", "flip", "logits"]
    assert len(frame) == len(pairs)
    for row in frame.itertuples():
        assert row.logits.tolist() == pytest.approx([int(row.video[5:]), row.start, 0.1])


def test_an_empty_store_lacks_everything(store):
    """Nothing stored: everything is missing, the table is empty, writing nothing writes nothing."""
    store.write([], np.empty((0, 3), np.float32))
    wanted = some_views(2)
    assert store.missing(wanted) == wanted
    assert store.frame().empty
    assert store.missing({}) == {}


def test_logits_of_the_wrong_shape_are_refused(store):
    """One row a view, one column a class."""
    with pytest.raises(ValueError, match="3 classes"):
        store.write([("video0", View(0, 8, 1, "centre", False))], np.zeros((1, 4), np.float32))


def test_leftovers_and_damaged_shards_do_not_break_reading(store):
    """A temporary file is not read; a truncated shard is reported and its views count as missing."""
    wanted = some_views(4)
    pairs = pairs_of(wanted)
    store.write(pairs[:8], logits_for(pairs[:8]))
    (whole,) = store.folder.glob("shard-*")
    (store.folder / ".shard-1.parquet-2.tmp").write_bytes(b"half")
    (store.folder / "shard-9-cut.parquet").write_bytes(whole.read_bytes()[:-100])
    (store.folder / "shard-9-empty.parquet").touch()
    assert set(store.missing(wanted)) == {"video2", "video3"}
    assert set(store.unreadable) == {"shard-9-cut.parquet", "shard-9-empty.parquet"}
    np.testing.assert_array_equal(store.logits({"video1": wanted["video1"]}).logits, logits_for(pairs[4:8]))


def test_a_shard_of_another_number_of_classes_is_left_out(store, tmp_path):
    """A file that was copied in from elsewhere never mixes into the scores."""
    other = open_store(tmp_path, ScoreKey("other", "data", "rgb", ""), ["one", "two"])
    other.write([("video0", View(0, 16, 1, "centre", False))], np.ones((1, 2), np.float32))
    (shard,) = other.folder.glob("shard-*")
    (store.folder / shard.name).write_bytes(shard.read_bytes())
    assert store.missing({"video0": [View(0, 16, 1, "centre", False)]})
    assert "number of classes" in store.unreadable[shard.name]


def test_a_shard_that_vanishes_is_an_error_that_says_what_to_do(store):
    """Scores promised by the index but gone from the disk are never made up."""
    pairs = pairs_of(some_views(1))
    store.write(pairs, logits_for(pairs))
    assert not store.missing(some_views(1))
    next(store.folder.glob("shard-*")).unlink()
    with pytest.raises(DataError, match="run the evaluation again"):
        store.logits(some_views(1))


def test_incomplete_names_videos_and_how_many_views_they_lack(store):
    """Exit code 5, the first ten videos by name, the rest by number."""
    wanted = some_views(13)
    pairs = pairs_of(wanted)[1:]
    store.write(pairs[:7], logits_for(pairs[:7]))
    with pytest.raises(IncompleteError) as caught:
        require_complete(store, wanted)
    assert caught.value.exit_code == 5
    message = str(caught.value)
    assert "12 of 13 videos lack views, 45 views in all" in message
    assert "video0: 1 missing" in message
    assert "video2: 4 missing" in message
    assert "and 2 videos more" in message
    with pytest.raises(IncompleteError):
        store.logits(wanted)


def test_a_complete_store_passes(store):
    """Nothing is raised when every wanted view is there."""
    wanted = some_views(2)
    store.write(pairs_of(wanted), logits_for(pairs_of(wanted)))
    require_complete(store, wanted)


def test_class_names_must_be_those_of_the_stored_scores(tmp_path):
    """Swapped names are named with their index; a different number of classes is said."""
    open_store(tmp_path, KEY, CLASSES)
    with pytest.raises(DataError, match=r"2 class names differ: class 0 is 'run' there and 'walk'"):
        open_store(tmp_path, KEY, ["walk", "run", "jump"])
    with pytest.raises(DataError, match="3 classes, the data set has 2"):
        open_store(tmp_path, KEY, ["run", "walk"])


def test_the_key_decides_the_folder(tmp_path):
    """Any part of the key that differs is another store; the key is kept in full."""
    folders = {
        open_store(tmp_path, key, CLASSES).folder
        for key in (
            KEY,
            ScoreKey("other", "data", "rgb", KEY.preprocessing),
            ScoreKey("weights", "other", "rgb", KEY.preprocessing),
            ScoreKey("weights", "data", "flow", KEY.preprocessing),
            ScoreKey("weights", "data", "rgb", "other"),
        )
    }
    assert len(folders) == 5
    again = existing_store(tmp_path / KEY.hash16)
    assert (again.key, again.class_names) == (KEY, CLASSES)


def test_a_folder_that_is_no_store_or_has_a_broken_key_is_named(tmp_path):
    """Missing, unreadable or foreign key files are data errors with the path."""
    with pytest.raises(DataError, match="no store of scores here"):
        existing_store(tmp_path)
    (tmp_path / "key.json").write_text("{")
    with pytest.raises(DataError, match=r"key\.json: cannot be read"):
        existing_store(tmp_path)
    store = open_store(tmp_path, KEY, CLASSES)
    other = ScoreKey("other", "data", "rgb", "")
    store.folder.rename(tmp_path / other.hash16)
    with pytest.raises(DataError, match="another key"):
        open_store(tmp_path, other, CLASSES)


def test_a_flipped_bit_in_the_logits_is_noticed(store):
    """Damage that leaves the file's structure whole is an error that names the file, never another number."""
    pairs = pairs_of(some_views(1))
    store.write(pairs, np.full((len(pairs), 3), 7.5, np.float32))
    (shard,) = store.folder.glob("shard-*")
    content = bytearray(shard.read_bytes())
    content[content.index(np.float32(7.5).tobytes() * 3)] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=rf"{shard.name}: its scores cannot be read"):
        existing_store(store.folder).logits(some_views(1))


def test_where_the_weights_came_from_is_kept_beside_the_key(tmp_path):
    """It is told on reopening, added to a store that was made without, never replaced, and no part of the key."""
    origin = WeightsOrigin("R3D-18", training="0123456789abcdef", card={"classes": ["run", "walk"]})
    assert open_store(tmp_path, KEY, CLASSES).origin is None
    assert open_store(tmp_path, KEY, CLASSES, origin).origin == origin
    assert open_store(tmp_path, KEY, CLASSES, WeightsOrigin("another.pth")).origin == origin
    (store,) = stores_under(tmp_path)
    assert (store.origin, store.key) == (origin, KEY)


def test_opening_a_store_says_that_it_is_in_use(store):
    """The key's file is as new as the last evaluation that opened the store."""
    path = store.folder / "key.json"
    os.utime(path, (0, 0))
    existing_store(store.folder)
    assert path.stat().st_mtime == 0
    open_store(store.folder.parent, KEY, CLASSES)
    assert path.stat().st_mtime > time.time() - 60


def test_contents_are_counted_over_all_shards(store):
    """Views count once however many shards have them; a shard that adds nothing to older ones is idle."""
    pairs = pairs_of(some_views(3))
    for part in (pairs[:8], pairs[2:6], pairs[6:], pairs[8:]):
        store.write(part, logits_for(part))
    shards = sorted(path.name for path in store.folder.glob("shard-*"))
    (store.folder / "shard-9.parquet").write_bytes(b"no shard")
    contents = store.contents()
    assert (contents.num_videos, contents.num_views) == (3, 12)
    assert contents.shards == tuple(shards)
    assert contents.idle_shards == (shards[1], shards[3])
    assert list(contents.unreadable) == ["shard-9.parquet"]


def test_an_idle_shard_can_go_without_a_trace(store):
    """What is read does not change by a bit when a shard is deleted whose views older ones have."""
    wanted = some_views(2)
    for value in (1.0, 2.0):
        store.write(pairs_of(wanted), np.full((8, 3), value, np.float32))
    before = store.logits(wanted).logits
    (idle,) = store.contents().idle_shards
    (store.folder / idle).unlink()
    np.testing.assert_array_equal(existing_store(store.folder).logits(wanted).logits, before)


def test_views_that_another_process_adds_while_reading_are_read_too(store, monkeypatch):
    """Found missing at first, there a moment later: the scores are those that were added, never leftovers of memory."""
    wanted = some_views(1)
    other = open_store(store.folder.parent, KEY, CLASSES)
    find = ScoreStore._find

    def find_then_add(self, pairs):
        found = find(self, pairs)
        if self is store and not list(store.folder.glob("shard-*")):
            other.write(pairs_of(wanted), logits_for(pairs_of(wanted)))
        return found

    monkeypatch.setattr(ScoreStore, "_find", find_then_add)
    np.testing.assert_array_equal(store.logits(wanted).logits, logits_for(pairs_of(wanted)))


def test_a_failed_write_leaves_nothing_behind(store, monkeypatch):
    """A full disk while writing: no shard, no temporary file, the error goes through."""

    def full_disk(_table, path, **_settings):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full_disk)
    with pytest.raises(OSError, match="No space left") as caught:
        store.write([("video0", View(0, 16, 1, "centre", False))], np.ones((1, 3), np.float32))
    assert str(caught.value.filename).startswith(f"{store.folder}/shard-")
    assert [path.name for path in store.folder.iterdir()] == ["key.json"]


def test_the_store_needs_no_torch():
    """Tables and statistics read scores without loading torch."""
    code = (
        "import sys; import videobench.evaluation.score_store, videobench.evaluation.metrics, "
        "videobench.evaluation.statistics, videobench.evaluation.views, videobench.evaluation.fusion, "
        "videobench.evaluation.reading; "
        "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
