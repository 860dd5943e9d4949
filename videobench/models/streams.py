"""What a backbone hands to a head."""

from typing import Literal, NamedTuple

# How P2 reduces features to few channels (figure 2): by a block in place of the backbone's last one (FRMB) or
# by one after it (FRAB).
Reduction = Literal["modification", "addition"]
REDUCED_CHANNELS = 512


class Stream(NamedTuple):
    """Features [B, channels, steps, H, W] of one path of a backbone, at the clip length it was built for."""

    channels: int
    steps: int
