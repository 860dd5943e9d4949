"""The machine: commit and versions for the record, devices, and how much of it one unit uses."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import torch

from videobench.data.decode import decode_frames
from videobench.data.encode import write_video
from videobench.errors import ConfigError, VideobenchError
from videobench.records import Environment


@dataclass(frozen=True)
class Machine:
    """How one unit uses the machine; nothing here changes the numbers beyond float rounding."""

    device: str = "auto"
    threads: int = 1
    save_every_seconds: float = 30.0
    """The most work that a kill without warning costs."""
    report_every_seconds: float = 1.0

    def torch_device(self) -> torch.device:
        return pick_device(self.device)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Describe this process; the commit is that of videobench's own checkout, None when installed from a wheel."""
    sha, dirty = _commit(Path(__file__).parents[2])
    return Environment(
        git_sha=sha,
        dirty=dirty,
        python=platform.python_version(),
        torch=str(torch.__version__),
        av=av.__version__,
        ffmpeg=str(av.ffmpeg_version_info),
        platform=f"{platform.system()} {platform.machine()}",
    )


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def threads_per_job(jobs: int) -> int:
    """Return how many threads each of ``jobs`` units gets: $OMP_NUM_THREADS where it is set, or an equal share."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else max(1, num_cores() // jobs)


def pick_device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` is the accelerator when there is one."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(
            f"there is no device {name!r}", where="--device", hint="legal: auto, cpu, cuda, mps"
        ) from None
    if device.type != "cpu" and (accelerator is None or accelerator.type != device.type):
        found = accelerator.type if accelerator else "only the CPU"
        raise ConfigError(f"this machine has no {device.type} device ({found} was found)", where="--device")
    if device.type != "cpu" and (device.index or 0) >= (count := torch.accelerator.device_count()):
        raise ConfigError(f"this machine has {count} {device.type} devices, counted from 0", where="--device")
    return device


def device_of_rank(name: str, local_rank: int) -> str:
    """Return the name of the device for one of several processes: a name without a number gives each its own."""
    device = pick_device(name)
    if device.type == "cpu" or device.index is not None:
        return str(device)
    if local_rank >= (count := torch.accelerator.device_count()):
        raise ConfigError(
            f"this machine has {count} {device.type} devices, too few for process {local_rank}, counted from 0",
            where="--device",
            hint=f"start {count} processes, or let them share one with --device {device.type}:0",
        )
    return f"{device.type}:{local_rank}"


def device_name(device: torch.device) -> str:
    """Return the device's name as a person knows it."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{device.type} ({platform.machine()})"


def checks(home: Path) -> list[tuple[str, bool, str]]:
    """Try what videobench needs of this machine; return name, whether it works, and what was found."""
    from importlib.metadata import version

    found = environment()
    sha = f"{found.git_sha}{' with changes' if found.dirty else ''}" if found.git_sha else "not a checkout"
    device = pick_device("auto")
    free = shutil.disk_usage(_existing(home)).free
    return [
        ("videobench", True, f"{version('videobench')} ({sha})"),
        ("python", sys.version_info >= (3, 11), found.python),
        ("torch", True, found.torch),
        ("device", True, f"{device_name(device)}; {num_cores()} cores"),
        ("video", *_try_video(f"PyAV {found.av}, FFmpeg {found.ffmpeg}")),
        ("disk", free > 2**30, f"{free / 2**30:.0f} GiB free at {_existing(home).resolve()}"),
        ("results", *_try_writing(home)),
    ]


def _try_video(versions: str) -> tuple[bool, str]:
    """Write an H.264 file and read it back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.mp4"
        try:
            write_video(path, np.zeros((4, 32, 32, 3), np.uint8), fps=25, crf=23, gop=4)
            read = decode_frames(path, range(4), size=None, filter="fast_bilinear")
        except (VideobenchError, av.FFmpegError) as error:
            return False, f"{versions}: {error}"
    return read.shape == (4, 32, 32, 3), f"{versions}; H.264 written and read"


def _try_writing(home: Path) -> tuple[bool, str]:
    folder = _existing(home)
    return os.access(folder, os.W_OK), f"{folder.resolve()} is {'' if os.access(folder, os.W_OK) else 'not '}writable"


def _existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def _commit(checkout: Path) -> tuple[str | None, bool | None]:
    """Return the commit of the checkout this code lies in and whether its code was changed since."""

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(checkout), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "videobench/runner/environment.py") is None:
        return None, None
    changes = git("status", "--porcelain", "--", "videobench", "cli", "experiments")
    return git("rev-parse", "HEAD"), None if changes is None else bool(changes)
