"""Where networks are trained."""

import torch


def training_device() -> torch.device:
    """The GPU where PyTorch finds one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
