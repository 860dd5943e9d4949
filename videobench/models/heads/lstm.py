"""An LSTM over the time steps (P2, table 1)."""

from torch import Tensor, nn

from videobench.models.heads.steps import step_features
from videobench.models.streams import Stream


class LstmPooling(nn.Module):
    """Features [B, D, T, H, W], averaged over space, to an LSTM's output after the last step: [B, hidden].

    The defaults are those of P2's code.
    """

    def __init__(self, stream: Stream, *, layers: int = 2, hidden: int = 450) -> None:
        super().__init__()
        self.steps = stream.steps
        self.out_features = hidden
        self.lstm = nn.LSTM(stream.channels, hidden, num_layers=layers, batch_first=True)

    def initialise(self) -> None:
        """Draw all weights from U(+-1 / sqrt(hidden)), as torch and P2's code do."""
        self.lstm.reset_parameters()

    def forward(self, features: Tensor) -> Tensor:
        outputs: Tensor = self.lstm(step_features(features, steps=self.steps))[0]  # [B, T, hidden]
        return outputs[:, -1]
