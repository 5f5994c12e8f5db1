"""Every setting of the whole road, and the presets: quick, laptop, paper."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

from dreamgym.hyperparameters import MemorySettings, VisionSettings
from dreamgym.tasks import Renderer

Preset = Literal["quick", "laptop", "paper"]


@dataclass(frozen=True)
class CollectSettings:
    """How episodes are collected for a round."""

    episodes: int = 120
    """Episodes."""
    episode_length: int = 250
    """Steps an episode at most."""
    noise: float = 0.0
    """Smooth noise on the controller's actions, beside the task's exploration."""


@dataclass(frozen=True)
class ControllerSettings:
    """How C is evolved."""

    env: Literal["dream", "real"] = "dream"
    """Where candidates are scored."""
    head: str | None = None
    """The task's action head; its first one if not given."""
    candidates: int = 64
    """Candidates a generation."""
    dreams: int = 16
    """Dreams (or tracks) a candidate."""
    horizon: int = 250
    """Steps a dream; never more than the task's horizon."""
    generations: int = 40
    """Generations a round."""
    sigma: float = 0.1
    """CMA-ES's first standard deviation, in parameters."""
    temperature: float = 0.3
    """The dream's."""
    members: int = 1
    """Ms in the ensemble that dreams are spread over."""
    select_every: int = 20
    """Generations between scores of the search's mean in the real game."""
    select_tracks: int = 16
    """Tracks of such a score, kept apart from all others."""


@dataclass(frozen=True)
class PipelineSettings:
    """The whole road."""

    task: str = "car_racing"
    """A registered task, or package.module:TASK."""
    seed: int = 0
    """Decides everything that is drawn."""
    renderer: Renderer = "fast"
    """fast takes the task's quicker env where it has one, stock the game as it is."""
    rounds: int = 6
    """On-policy rounds after the first one."""
    random: CollectSettings = field(default_factory=CollectSettings)
    """The first collection, by the smoothed random policy."""
    on_policy: CollectSettings = field(
        default_factory=lambda: CollectSettings(episodes=40, episode_length=300, noise=0.5)
    )
    """Every later collection, by the latest controller."""
    vision: VisionSettings = field(default_factory=VisionSettings)
    """V, trained on the first collection."""
    memory: MemorySettings = field(default_factory=MemorySettings)
    """M, the first time."""
    memory_again: MemorySettings = field(default_factory=lambda: MemorySettings(epochs=5, patience=5))
    """M, in every later round, going on from the one before."""
    controller: ControllerSettings = field(default_factory=ControllerSettings)
    """C, in every round."""
    late_horizon: int = 600
    """Steps a dream in the second half of the rounds, long enough to show a driver leave the road for good."""
    fork: float = 100.0
    """A round goes on from the latest driver, unless the best so far was better by this in the real game."""
    starts: int = 1000
    """Starts of dreams kept in a world model."""
    start_steps: int = 20
    """Real steps that warm M up at a start."""
    rewarded_starts: float = 0.75
    """The part of starts drawn from where the game paid more than its average."""
    held_out: float = 0.1
    """The part of episodes held out of V's and M's training."""
    evaluation_episodes: int = 20
    """Fresh tracks of the stock game that the kept controller is scored on."""
    video_steps: int = 300
    """Steps of the side-by-side video."""

    def horizon(self, round_: int) -> int:
        """Steps of a dream in a round."""
        return self.late_horizon if 2 * round_ > self.rounds else self.controller.horizon


# 1.5 nats a latent, three times the paper's, are free: V then keeps the road's edge sharp after minutes of training.
QUICK = PipelineSettings(
    vision=VisionSettings(epochs=6, learning_rate=5e-4, kl_tolerance=1.5),
    memory=MemorySettings(epochs=60, batch_size=32, sequence_length=50, learning_rate=2e-3, patience=60),
    memory_again=MemorySettings(epochs=15, batch_size=32, sequence_length=50, learning_rate=1e-3, patience=15),
)
LAPTOP = replace(
    QUICK,
    rounds=24,
    random=CollectSettings(episodes=400, episode_length=250),
    on_policy=CollectSettings(episodes=80, episode_length=400, noise=0.5),
    vision=VisionSettings(epochs=15, learning_rate=5e-4, kl_tolerance=1.5),
    late_horizon=800,
    controller=ControllerSettings(generations=80, members=3, select_tracks=32),
    evaluation_episodes=100,
)
PAPER = PipelineSettings(
    rounds=0,
    random=CollectSettings(episodes=10_000, episode_length=1000),
    vision=VisionSettings(epochs=10),
    memory=MemorySettings(epochs=20, sequence_length=999),
    controller=ControllerSettings(env="real", head="steer_gas_brake", horizon=1000, generations=1800, select_every=25),
    evaluation_episodes=100,
    video_steps=1000,
)
PRESETS: dict[str, PipelineSettings] = {"quick": QUICK, "laptop": LAPTOP, "paper": PAPER}


def from_json(data: Mapping[str, Any], default: Any = None) -> Any:
    """Settings from what an experiment's config holds of them; what it does not name stays as in ``default``."""
    default = PipelineSettings() if default is None else default
    known = {}
    for item in fields(default):
        value = getattr(default, item.name)
        if item.name in data:
            value = from_json(data[item.name], value) if is_dataclass(value) else data[item.name]
        known[item.name] = value
    return type(default)(**known)
