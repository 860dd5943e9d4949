"""Running a network over views: batches, modes, back-off, what reaches the disk."""

import numpy as np
import pytest
import torch
from torch import nn

from videobench.errors import WeightsError
from videobench.evaluation.predict import predict
from videobench.evaluation.reading import read_ahead
from videobench.evaluation.score_store import ScoreKey, open_store, require_complete
from videobench.evaluation.views import FIVE_CROPS, crop_offset, views_of

CLASSES = ("a", "b", "c", "d")
KEY = ScoreKey("weights", "data", "rgb", "none")
LENGTHS = {"one": 40, "two": 9, "three": 5, "four": 23}
SIZES = {"one": (14, 18), "two": (14, 18), "three": (20, 12), "four": (14, 18)}


def frames_of(video):
    shape = (LENGTHS[video], *SIZES[video], 3)
    return np.random.default_rng(sum(map(ord, video))).integers(0, 256, shape, dtype=np.uint8)


def clip_of(video, clip):
    """Repeats the last frame of a video that is too short."""
    frames = frames_of(video)
    return frames[np.minimum(clip.start + clip.stride * np.arange(clip.frames), len(frames) - 1)]


def read_clips(video, clips):
    return ((place, clip_of(video, clip)) for place, clip in enumerate(clips))


def to_input(clips, offsets, flips):
    assert clips.dtype == torch.uint8
    assert not offsets.any()
    clips = clips.permute(0, 4, 1, 2, 3).float() / 255  # [B, C, T, h, w]
    return torch.where(flips[:, None, None, None, None], clips.flip(-1), clips)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(3, 6, 3, padding=1),
        nn.BatchNorm3d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d((1, 2, 2)),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(24, len(CLASSES)),
    )


def wanted_views(num_clips=5):
    return {
        video: views_of(length, frames=8, num_clips=num_clips, grid="authors", crops=FIVE_CROPS, flip=True)
        for video, length in LENGTHS.items()
    }


def run(store, wanted, model=None, *, read_clips=read_clips, **settings):
    return predict(
        network() if model is None else model,
        read_ahead(store.missing(wanted), read_clips, clips_ahead=4),
        to_input=to_input,
        store=store,
        crop_size=(10, 10),
        device="cpu",
        **{"batch_views": 16, **settings},
    )


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path, KEY, CLASSES)


def test_scores_do_not_depend_on_batches_and_equal_the_plain_computation(tmp_path):
    """One view at a time, 7 or 1000: all within 1e-5 of crop, mirror, forward by hand."""
    wanted = wanted_views()
    results = []
    for batch_views in (1, 7, 1000):
        store = open_store(tmp_path / str(batch_views), KEY, CLASSES)
        run(store, wanted, batch_views=batch_views)
        results.append(store.logits(wanted))
    for result in results[1:]:
        np.testing.assert_allclose(result.logits, results[0].logits, atol=1e-5)

    model = network().eval()
    expected = []
    for video, views in wanted.items():
        for view in sorted(set(views)):
            clip = clip_of(video, view.clip)
            y, x = crop_offset(view.crop, *SIZES[video], (10, 10))
            cropped = clip[:, y : y + 10, x : x + 10]
            if view.flip:
                cropped = cropped[:, :, ::-1]
            tensor = torch.from_numpy(cropped.copy()).permute(3, 0, 1, 2)[None].float() / 255
            with torch.inference_mode():
                expected.append(model(tensor)[0].numpy())
    np.testing.assert_allclose(results[0].logits, np.stack(expected), atol=1e-5)


def test_batches_are_full_across_the_borders_of_videos(store):
    """Only the last batch is smaller, although videos have 10 to 50 views and different sizes."""
    sizes = []
    model = network()
    model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    num_views = run(store, wanted_views(), model, batch_views=16)
    assert sizes[:-1] == [16] * (num_views // 16)
    assert sum(sizes) == num_views


def test_clips_of_different_length_share_no_batch(store):
    """8 and 12 frames in one run: each batch has one length, and every view its score."""
    wanted = {
        video: views_of(length, frames=8, num_clips=3, grid="authors")
        + views_of(length, frames=12, num_clips=2, grid="authors")
        for video, length in LENGTHS.items()
    }
    run(store, wanted)
    require_complete(store, wanted)


def test_coinciding_views_go_through_the_network_once(store):
    """Five clips of a video shorter than the clip: 10 crops, not 50."""
    wanted = {"three": wanted_views()["three"]}
    assert len(wanted["three"]) == 50
    assert run(store, wanted) == 10
    assert store.logits(wanted).counts.tolist() == [5] * 10


def test_what_the_store_has_is_not_computed_again(store):
    """After 9 clips a run of 3 needs no forward pass: i / 2 = 4 i / 8."""
    assert run(store, wanted_views(9)) > 0

    def no_forward(_module, _inputs):
        raise AssertionError("a forward pass")

    model = network()
    model.register_forward_pre_hook(no_forward)
    assert run(store, wanted_views(3), model) == 0


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory"), MemoryError()]
)
def test_a_batch_that_does_not_fit_is_halved_and_stays_halved(store, error):
    """16 views do not fit, 8 do not, 4 do: the scores are complete and later batches start with 4."""
    sizes = []
    model = network()

    def small_memory(_module, inputs):
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 5:
            raise error

    model.register_forward_pre_hook(small_memory)
    wanted = wanted_views()
    run(store, wanted, model, batch_views=16)
    assert sizes[:3] == [16, 8, 4]
    assert max(sizes[2:]) == 4
    require_complete(store, wanted)


def test_an_error_that_halving_cannot_mend_goes_through(store):
    """Out of memory with a single view, and any other error of the network, are not swallowed."""
    model = network()

    def never_fits(_module, _inputs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.register_forward_pre_hook(never_fits)
    with pytest.raises(torch.OutOfMemoryError):
        run(store, wanted_views(), model)
    handle.remove()

    def broken(_module, _inputs):
        raise RuntimeError("shapes do not match")

    model.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(store, wanted_views(), model)


def test_modes_of_the_network_are_restored_one_by_one(store):
    """A frozen BatchNorm inside a network in training mode is still frozen afterwards, its statistics untouched."""
    model = network().train()
    model[1].eval()
    statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}
    run(store, wanted_views(1), model)
    assert [module.training for module in model] == [True, False, True, True, True, True, True]
    assert all(torch.equal(buffer, statistics[name]) for name, buffer in model.named_buffers())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_scores_reach_the_disk_in_portions(store):
    """A shard every 32 views and one for the rest; by time, one a batch when no second may pass."""
    num_views = run(store, wanted_views(), flush_views=32, batch_views=16)
    assert len(list(store.folder.glob("shard-*"))) == -(-num_views // 32)
    other = open_store(store.folder / "other", KEY, CLASSES)
    run(other, wanted_views(), flush_seconds=0.0, batch_views=16)
    assert len(list(other.folder.glob("shard-*"))) == -(-num_views // 16)


def test_what_was_computed_before_an_error_is_kept(store):
    """A reader that fails at the third video: the batches before it are in the store, a second run finishes."""
    wanted = wanted_views()

    def failing_reader(video, clips):
        if video == "three":
            raise OSError("disk gone")
        return read_clips(video, clips)

    with pytest.raises(OSError, match="disk gone"):
        run(store, wanted, read_clips=failing_reader)
    kept = len(store.frame())
    assert kept > 0
    num_views = run(store, wanted)
    assert num_views + kept == sum(len(set(views)) for views in wanted.values())
    require_complete(store, wanted)


def test_progress_counts_views(store):
    """The callable hears of every batch, ascending, and in the end of all views."""
    heard = []
    num_views = run(store, wanted_views(), progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == num_views


def test_scores_that_are_not_finite_are_refused_with_the_video(store):
    """NaN never becomes an accuracy, and is not stored."""
    model = network()
    with torch.no_grad():
        model[-1].bias[2] = float("nan")
    with pytest.raises(WeightsError, match="not finite for video one"):
        run(store, wanted_views(), model)
    assert store.frame().empty
