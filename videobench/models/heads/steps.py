"""What the temporal poolings have in common: a vector for every time step, and a number of steps that is fixed."""

from torch import Tensor

from videobench.errors import ConfigError


def step_features(features: Tensor, *, steps: int) -> Tensor:
    """Average features [B, D, T, H, W] over space: [B, T, D]. T must be `steps`."""
    check_steps(features, steps=steps)
    return features.mean(dim=(3, 4)).transpose(1, 2)  # [B, T, D]


def check_steps(features: Tensor, *, steps: int) -> None:
    """Refuse features [B, D, T, H, W] of another number of time steps than a head was built for."""
    given = features.shape[2]
    if given != steps:
        raise ConfigError(
            f"the head was built for clips that give {steps} time steps of features, and this one gives {given}",
            hint="Use clips of the length the network was built for; average pooling alone takes any.",
        )
