"""How V and M are trained: the settings alone, so that a command line can show them without TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class VisionSettings:
    """How V is trained."""

    epochs: int = 10
    """Passes over the frames."""
    batch_size: int = 100
    """Frames a batch."""
    learning_rate: float = 1e-4
    """Adam's."""
    kl_tolerance: float = 0.5
    """Floor of the KL term, in nats a latent."""
    patience: int = 3
    """Epochs without a better loss on held-out episodes before training stops."""


@dataclass(frozen=True)
class MemorySettings:
    """How M is trained."""

    epochs: int = 40
    """Passes over the steps."""
    batch_size: int = 100
    """Sequences a batch."""
    sequence_length: int = 60
    """Steps a sequence."""
    learning_rate: float = 1e-3
    """Adam's at the start."""
    final_learning_rate: float = 1e-5
    """Adam's at the end of a polynomial decay."""
    gradient_clip: float = 1.0
    """Gradients are clipped to plus and minus this."""
    patience: int = 10
    """Epochs without a better loss on held-out episodes before training stops."""
