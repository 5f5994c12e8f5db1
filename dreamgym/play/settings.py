"""Which env is played, and how episodes are collected."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dreamgym.errors import SettingsError
from dreamgym.running.checks import above, at_least, between, check_choice, check_settings
from dreamgym.tasks import Renderer

EnvName = Literal["real", "dream"]


@dataclass(frozen=True)
class EnvSettings:
    """The env that a policy plays in: the real game or its dream."""

    env: EnvName = "real"
    """real: the real game, seen through V and M where the policy observes; dream: M's dream."""
    task: str | None = None
    """A task's name, or package.module:TASK; the world model's if not given."""
    world_model: str | None = None
    """Folder of a world model, or a pretrained name; needed by policies that observe, and by the dream."""
    renderer: Renderer | None = None
    """stock: the real game as it is; fast: the task's faster env where it has one. If not given, scores use stock,
    everything else uses fast."""
    max_steps: int | None = None
    """Steps of the game in an episode; the task's horizon if not given. A score is only comparable at the horizon."""
    frame_skip: int | None = None
    """Steps of the game per decision; the world model's, or else the task's, if not given."""
    temperature: float | None = None
    """The dream's; the world model's own if not given."""

    def __post_init__(self) -> None:
        check_choice("env", self.env, ("real", "dream"))
        for name in ("task", "world_model"):
            value = getattr(self, name)
            if isinstance(value, Path):
                object.__setattr__(self, name, str(value))
            elif value is not None and not isinstance(value, str):
                raise SettingsError(
                    f"{name} is a {type(value).__name__}, expected a name; save a live world model with its "
                    "save(folder) and pass the folder, register a live task and pass its name"
                )
        check_settings(self, max_steps=at_least(1), frame_skip=at_least(1), temperature=above(0))


@dataclass(frozen=True)
class CollectSettings:
    """How episodes are collected."""

    episodes: int = 100
    """Episodes in the folder; existing ones count."""
    first_episode: int = 0
    """The number of the first one. Machines that collect slices make together what one machine makes."""
    episode_length: int | None = None
    """Steps of the game in an episode at most; the task's horizon if not given."""
    noise: float = 0.0
    """Smooth noise on the policy's actions, in units of the task's exploration noise; 0 for none."""
    calm: float = 0.0
    """The fraction of episodes with 0.3 of the noise."""
    random_starts: float = 1.0
    """The fraction of episodes that start all over the game (random tiles and speeds, for the car) rather than where it
    normally starts."""

    def __post_init__(self) -> None:
        check_settings(self, episodes=at_least(1), episode_length=at_least(1), noise=at_least(0))
        check_settings(self, first_episode=at_least(0), calm=between(0, 1), random_starts=between(0, 1))
