"""Whose names the tensors in a file can have; which a file has is seen from its names alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from videobench.models.weights import (
    caffe2,
    i3d,
    kenshohara,
    late_temporal,
    mmaction2,
    pytorchvideo,
    qijiezhao,
    slowfast,
    torchvision,
)


def never(_: str) -> bool:
    """Whether a tensor is unused, in files that hold nothing but the network."""
    return False


@dataclass(frozen=True)
class Layout:
    """How some peer's files name the tensors of a network.

    `names` maps our names to theirs, given ours and the file's: one name, or all those under which their file
    stores the same tensor. `is_head` tells their classifier's tensors, `is_unused` what their files hold beside
    the network.
    """

    names: Callable[[Iterable[str], Iterable[str]], Mapping[str, str | tuple[str, ...]]]
    is_head: Callable[[str], bool]
    is_unused: Callable[[str], bool] = never


LAYOUTS: dict[str, Layout] = {
    "videobench": Layout(
        names=lambda ours, _: {name: name for name in ours}, is_head=lambda name: name.startswith("head.")
    ),
    "torchvision": Layout(names=lambda ours, _: torchvision.torchvision_names(ours), is_head=torchvision.is_head),
    "Caffe2": Layout(names=caffe2.blob_names, is_head=caffe2.is_head),
    "LateTemporal R(2+1)D": Layout(names=late_temporal.r2plus1d_names, is_head=late_temporal.is_head),
    "LateTemporal ResNeXt": Layout(names=kenshohara.late_temporal_names, is_head=late_temporal.is_head),
    "LateTemporal I3D": Layout(names=i3d.late_temporal_names, is_head=late_temporal.is_head),
    "kenshohara": Layout(names=kenshohara.kenshohara_names, is_head=kenshohara.is_head),
    "kenshohara R(2+1)D": Layout(names=kenshohara.r2plus1d_names, is_head=kenshohara.is_head),
    "piergiaj": Layout(names=i3d.piergiaj_names, is_head=i3d.is_piergiaj_head),
    "hassony2": Layout(names=i3d.hassony2_names, is_head=i3d.is_hassony2_head),
    "MMAction2": Layout(names=mmaction2.mmaction2_names, is_head=mmaction2.is_head),
    "PyTorchVideo CSN": Layout(names=pytorchvideo.pytorchvideo_names, is_head=pytorchvideo.is_head),
    "qijiezhao": Layout(names=qijiezhao.qijiezhao_names, is_head=qijiezhao.is_head),
    "PySlowFast": Layout(names=slowfast.PYSLOWFAST.names, is_head=slowfast.PYSLOWFAST.is_head),
    "PySlowFast Caffe2": Layout(
        names=slowfast.caffe2_names,
        is_head=slowfast.PYSLOWFAST_CAFFE2.is_head,
        is_unused=slowfast.is_caffe2_unused,
    ),
    "LateTemporal SlowFast": Layout(
        names=slowfast.late_temporal_names,
        is_head=slowfast.is_late_temporal_head,
        is_unused=slowfast.is_late_temporal_unused,
    ),
    "PyTorchVideo SlowFast": Layout(names=slowfast.PYTORCHVIDEO.names, is_head=slowfast.PYTORCHVIDEO.is_head),
    "MMAction2 SlowFast": Layout(names=slowfast.MMACTION2.names, is_head=slowfast.MMACTION2.is_head),
}
