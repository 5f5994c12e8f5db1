"""Training settings of V and M. A command line shows them without importing TensorFlow."""

from dataclasses import dataclass
from typing import NamedTuple

from dreamgym.running.checks import above, at_least, check_settings


@dataclass(frozen=True)
class VisionSettings:
    """Training settings of V. A value out of its range raises SettingsError."""

    epochs: int = 10
    """Passes over the frames."""
    batch_size: int = 100
    """Frames per batch."""
    first_steps: int | None = None
    """Only so many first steps of an episode count; all if not given. A random driver soon leaves the road."""
    learning_rate: float = 1e-4
    """Adam's learning rate at the start."""
    final_learning_rate: float | None = None
    """Adam's learning rate at the end of a linear decay; there is no decay if not given."""
    kl_tolerance: float = 0.5
    """Floor of the KL term, in nats per latent dimension."""
    contrast: float = 0.0
    """A pixel's squared error counts 1 + contrast * |error| times, so that V learns small bright things sooner."""
    patience: int = 3
    """Epochs without a lower loss on held-out episodes before training stops; 0 counts as 1."""

    def __post_init__(self) -> None:
        check_settings(self, epochs=at_least(1), batch_size=at_least(1), patience=at_least(0))
        check_settings(self, first_steps=at_least(1), learning_rate=above(0), final_learning_rate=at_least(0))
        check_settings(self, kl_tolerance=at_least(0), contrast=at_least(0))


@dataclass(frozen=True)
class MemorySettings:
    """Training settings of M. A value out of its range raises SettingsError."""

    epochs: int = 40
    """Passes over the sequences."""
    batch_size: int = 100
    """Sequences per batch."""
    sequence_length: int = 60
    """Steps per sequence."""
    learning_rate: float = 1e-3
    """Adam's learning rate at the start."""
    final_learning_rate: float = 1e-5
    """Adam's learning rate at the end of a linear decay."""
    gradient_clip: float = 1.0
    """Each number of a gradient is clipped to plus and minus this value."""
    input_noise: float = 0.0
    """Noise on the latents that M reads in training, in their own units: a sequence's standard deviation is this times
    the absolute value of a normal number. It teaches M to go on from its own errors."""
    patience: int = 10
    """Epochs without a lower loss on held-out episodes before training stops; 0 counts as 1."""

    def __post_init__(self) -> None:
        check_settings(self, epochs=at_least(1), batch_size=at_least(1), sequence_length=at_least(1))
        check_settings(self, learning_rate=above(0), final_learning_rate=at_least(0))
        check_settings(self, gradient_clip=above(0), input_noise=at_least(0), patience=at_least(0))


class MemorySizes(NamedTuple):
    """Sizes of M that its training data does not decide: H LSTM units, K Gaussians per latent dimension."""

    hidden_size: int = 256
    n_mixtures: int = 5
