"""The settings of a whole pipeline, and the presets quick, laptop and paper."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from dreamgym.errors import SettingsError, TaskError
from dreamgym.evolution.settings import SearchSettings
from dreamgym.games import DEFAULT_GAME
from dreamgym.models.settings import MemorySettings, VisionSettings
from dreamgym.pipeline.experiment import Experiment
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.running.checks import above, at_least, between, check_settings, inside
from dreamgym.running.seeding import derive_seed
from dreamgym.tasks import Renderer, Task

Preset = Literal["quick", "laptop", "paper"]


@dataclass(frozen=True)
class PipelineSettings:
    """The whole pipeline."""

    task: str = DEFAULT_GAME
    """A task's name, or package.module:TASK."""
    seed: int = 0
    """Decides everything that is drawn."""
    renderer: Renderer = "fast"
    """fast: the task's faster env where it has one; stock: the real game as it is. Scores always use stock."""
    frame_skip: int | None = None
    """Steps of the game per decision; the task's if not given."""
    rounds: int = 6
    """On-policy rounds after the first round."""
    random: CollectSettings = field(default_factory=lambda: CollectSettings(episodes=120, episode_length=250))
    """The first collection, by the smoothed random policy."""
    on_policy: CollectSettings = field(
        default_factory=lambda: CollectSettings(episodes=40, episode_length=300, noise=0.5)
    )
    """Each later collection, by the latest controller."""
    vision: VisionSettings = field(default_factory=VisionSettings)
    """V, trained on the first collection."""
    memory: MemorySettings = field(default_factory=MemorySettings)
    """M in the first round."""
    memory_again: MemorySettings = field(default_factory=lambda: MemorySettings(epochs=5, patience=5))
    """M in later rounds, which continues from the round before."""
    controller: SearchSettings = field(default_factory=SearchSettings)
    """C, in every round."""
    late_horizon: int = 600
    """Steps of a dream in the second half of the rounds. Long dreams show what leaving the road costs."""
    late_sigma: float | None = None
    """CMA-ES's step size in the second half of the rounds; controller.sigma if not given."""
    fork: float = 3.0
    """A round starts from the latest controller, unless the best one so far scored better by this many standard errors
    of its own score."""
    starts: int = 1000
    """Starts of dreams kept in a world model."""
    start_steps: int = 20
    """Decisions in the real sequence of a start, after which the dream begins."""
    rewarded_starts: float = 0.75
    """The fraction of starts from sequences in which the game paid; in the others it did not."""
    start_rounds: int = 3
    """Starts in which the game paid are drawn from the episodes of so many last rounds, the others from all."""
    finalists: int = 3
    """Controllers that play more real episodes before one of them is selected."""
    final_tracks: int = 32
    """So many more, used for nothing else."""
    held_out: float = 0.1
    """The fraction of episodes held out of training."""
    evaluation_episodes: int = 20
    """Fresh episodes of the stock game that the selected controller is scored on."""
    video_steps: int = 300
    """Steps of the video."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            seed=at_least(0),
            frame_skip=at_least(1),
            rounds=at_least(0),
            late_horizon=at_least(1),
            late_sigma=above(0),
            fork=at_least(0),
            starts=at_least(1),
            start_steps=at_least(1),
            start_rounds=at_least(1),
            rewarded_starts=between(0, 1),
            finalists=at_least(1),
            final_tracks=at_least(0),
            held_out=inside(0, 1),
            evaluation_episodes=at_least(1),
            video_steps=at_least(1),
        )

        for name, collected in (("random", self.random), ("on-policy", self.on_policy)):
            if collected.first_episode:
                raise SettingsError(f"{name}.first-episode is {collected.first_episode}, expected 0 in a pipeline")
            if collected.episodes < 2 and (name == "random" or self.rounds):
                raise SettingsError(
                    f"{name}.episodes is {collected.episodes}, expected 2 or more: to train on, and to hold out"
                )
            needed = self.start_steps * (self.frame_skip or 1)
            if collected.episode_length is not None and collected.episode_length <= needed:
                raise SettingsError(
                    f"{name}.episode-length is {collected.episode_length}, expected more than the {needed} steps "
                    "of the game that start-steps takes"
                )

    def search(self, round_: int) -> SearchSettings:
        """How C is trained in a round."""
        if 2 * round_ <= self.rounds:
            return self.controller
        return replace(self.controller, horizon=self.late_horizon, sigma=self.late_sigma or self.controller.sigma)

    def env(self, world_model: Path | None) -> EnvSettings:
        """The env that is played with a world model, or without one."""
        path = None if world_model is None else str(world_model)
        return EnvSettings(task=self.task, world_model=path, renderer=self.renderer, frame_skip=self.frame_skip)

    def round_seed(self, round_: int) -> int:
        """The seed of a round."""
        return derive_seed(self.seed, round_, bits=30)


# A KL floor of 1.5 nats per latent, three times the paper's, keeps the road's edge sharp after minutes of training.
QUICK = PipelineSettings(
    rounds=4,
    random=CollectSettings(episodes=150, episode_length=600),
    on_policy=CollectSettings(episodes=40, episode_length=800, noise=0.5, calm=1 / 3, random_starts=0.75),
    vision=VisionSettings(epochs=5, first_steps=250, learning_rate=5e-4, kl_tolerance=1.5),
    memory=MemorySettings(epochs=40, batch_size=32, sequence_length=100, learning_rate=2e-3, patience=40),
    memory_again=MemorySettings(epochs=12, batch_size=32, sequence_length=100, learning_rate=1e-3, patience=12),
    controller=SearchSettings(generations=30, dreams=32, horizon=300, temperature=0.5, select_every=15),
    starts=2000,
    rewarded_starts=0.8,
)
LAPTOP = replace(
    QUICK,
    rounds=16,
    random=replace(QUICK.random, episodes=400),
    on_policy=replace(QUICK.on_policy, episodes=100),
    vision=replace(QUICK.vision, epochs=8),
    controller=replace(QUICK.controller, generations=60, dreams=64, select_tracks=32),
    evaluation_episodes=100,
)
PAPER = PipelineSettings(
    rounds=0,
    random=CollectSettings(episodes=10_000, episode_length=1000),
    vision=VisionSettings(epochs=10),
    memory=MemorySettings(epochs=20, sequence_length=999),
    controller=SearchSettings(env="real", head="steer_gas_brake", horizon=1000, generations=1800, select_every=25),
    evaluation_episodes=100,
    video_steps=1000,
)
PRESETS: dict[str, PipelineSettings] = {"quick": QUICK, "laptop": LAPTOP, "paper": PAPER}


def preset_settings(preset: Preset, task: Task) -> PipelineSettings:
    """A preset's settings for a task, which may want some of them otherwise.

    Raises:
        TaskError: The task's ``presets`` name settings that there are not, or give them values that cannot be.
    """
    changes = task.presets.get(preset, {})
    try:
        _check_names(changes, PRESETS[preset], f"presets[{preset!r}]")
        settings: PipelineSettings = from_json({**changes}, PRESETS[preset])
    except SettingsError as error:
        raise TaskError(f"task {task.name!r}: {error}") from error
    return settings


def _check_names(changes: Mapping[str, Any], settings: Any, where: str) -> None:
    names = [item.name for item in fields(settings)]
    for name, value in changes.items():
        if name not in names:
            raise SettingsError(f"{where} has {name!r}, expected one of {', '.join(names)}")
        if is_dataclass(getattr(settings, name)):
            _check_names(value, getattr(settings, name), f"{where}[{name!r}]")


def read_settings(experiment: Experiment) -> PipelineSettings:
    """The settings that an experiment was begun with."""
    return from_json(experiment.read_config()["settings"])


def from_json(data: Mapping[str, Any], default: Any = None) -> Any:
    """Settings from an experiment's config. Settings that it does not name keep the default's value."""
    default = PipelineSettings() if default is None else default
    values = {}
    for item in fields(default):
        value = getattr(default, item.name)
        if item.name in data:
            value = from_json(data[item.name], value) if is_dataclass(value) else data[item.name]
        values[item.name] = value
    return type(default)(**values)
