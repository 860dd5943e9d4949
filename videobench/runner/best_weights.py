"""The weights of a training that measured best so far, kept beside its checkpoint until it ends."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from videobench.atomic import replacing
from videobench.errors import WeightsError
from videobench.models.weights.files import read_tensors


class BestWeights:
    """One file with the best weights, their step and their value.

    Only a strictly better value replaces it. So a step that is done again after a resume, and measures the same,
    changes nothing, and the file needs to agree with no checkpoint.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        if not resume:
            path.unlink(missing_ok=True)
        self._best = self._header() if path.exists() else None

    def offer(self, model: nn.Module, *, step: int, value: float) -> None:
        """Keep the model's weights if they are the best so far; on return they are on the disk."""
        if self._best is not None and value <= self._best[1]:
            return
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        with replacing(self._path) as temporary:
            temporary.write_bytes(save(tensors, metadata={"step": str(step), "value": repr(value)}))
        self._best = step, value

    def read(self) -> tuple[dict[str, Tensor], int, float]:
        """Return the best weights, their step and their value; there must have been an offer."""
        return read_tensors(self._path), *self._header()

    def _header(self) -> tuple[int, float]:
        try:
            with safe_open(self._path, framework="pt") as file:
                header = file.metadata()
        except SafetensorError as error:
            raise WeightsError(
                f"the best weights so far are damaged: {error}",
                where=str(self._path),
                hint="Delete the folder to train from the start, or put a copy of the file back.",
            ) from error
        return int(header["step"]), float(header["value"])
