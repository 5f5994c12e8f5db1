"""What the whole road will take: time and disk, from the cost of one unit of every kind of work.

The unit costs were measured on two cores; the finished pieces of a run correct them for the machine at hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from dreamgym.progress import format_seconds
from scripts.settings import PipelineSettings


@dataclass(frozen=True)
class UnitCosts:
    """Seconds that a unit of work takes, and the bytes it leaves."""

    fast_step: float = 1 / 2800
    """A step of the game with the fast renderer, PNG included, on one core."""
    followed_step: float = 1 / 800
    """The same with V and M following along for a controller."""
    stock_step: float = 1 / 140
    """A step of the stock game on one core, V and M included."""
    vision_frame: float = 1 / 740
    """A frame of V's training, both cores."""
    encoded_frame: float = 1 / 5400
    """A frame read and encoded to latents."""
    memory_step: float = 1 / 31_000
    """A step of M's training."""
    dream_step: float = 1 / 430_000
    """A step of a dream, in a population."""
    video_step: float = 1 / 30
    """A step of the side-by-side video."""
    frame_bytes: float = 1_600
    """A frame on disk."""
    latent_bytes: float = 280
    """A step's latents on disk."""


COSTS = UnitCosts()


def piece_seconds(settings: PipelineSettings, workers: int, name: str) -> float:
    """The seconds a piece should take, by its name as in ``scripts/pipeline.py``."""
    number, _, kind = name.rpartition("-")
    round_ = int(number or 0)
    steps_now = _steps(settings, round_)
    steps_so_far = sum(_steps(settings, r) for r in range(round_ + 1))
    if kind == "collect":
        return steps_now * _game_step(settings, followed=round_ > 0) / workers
    if kind == "vision":
        return steps_now * settings.vision.epochs * COSTS.vision_frame
    if kind == "latents":
        return steps_now * COSTS.encoded_frame
    if kind == "memory":
        epochs = settings.memory.epochs if round_ == 0 else settings.memory_again.epochs
        return steps_so_far * epochs * COSTS.memory_step * settings.controller.members
    if kind == "controller":
        return _search_seconds(settings, workers, round_)
    if kind == "evaluate":  # the controller, and the three controls beside it
        return 4 * settings.evaluation_episodes * 1000 * COSTS.stock_step / workers
    if kind == "video":
        return settings.video_steps * COSTS.video_step
    return 0.0


def remaining(settings: PipelineSettings, workers: int, names: Sequence[str], done: Mapping[str, float]) -> float:
    """The seconds that pieces should still take, corrected by what finished ones of their kind took.

    Args:
        settings: The run's.
        workers: Processes that play.
        names: Pieces to come.
        done: Seconds of the finished ones by name.
    """
    return sum(piece_seconds(settings, workers, name) * _correction(settings, workers, name, done) for name in names)


def disk_bytes(settings: PipelineSettings) -> float:
    """What a whole run leaves on disk."""
    steps = sum(_steps(settings, r) for r in range(settings.rounds + 1))
    world_models = (settings.rounds + 2) * 20e6
    return steps * (COSTS.frame_bytes + COSTS.latent_bytes) + world_models + 90e6


def print_estimate(settings: PipelineSettings, workers: int, names: Sequence[str]) -> None:
    """Prints every piece with its time, and the total of time and disk."""
    table = Table("piece", "about", title="what would be done")
    total = 0.0
    for name in names:
        seconds = piece_seconds(settings, workers, name)
        total += seconds
        table.add_row(name, format_seconds(seconds))
    table.add_row("all", format_seconds(total), style="bold")
    console = Console()
    console.print(table)
    console.print(f"disk: about {disk_bytes(settings) / 1e9:.1f} GB; {workers} workers")


def _steps(settings: PipelineSettings, round_: int) -> int:
    how = settings.random if round_ == 0 else settings.on_policy
    return how.episodes * how.episode_length


def _game_step(settings: PipelineSettings, followed: bool) -> float:
    if settings.renderer == "stock":
        return COSTS.stock_step
    return COSTS.followed_step if followed else COSTS.fast_step


def _search_seconds(settings: PipelineSettings, workers: int, round_: int) -> float:
    how = settings.controller
    steps = how.generations * how.candidates * how.dreams * settings.horizon(round_)
    game_step = _game_step(settings, followed=True) / workers
    scored = how.generations // how.select_every * how.select_tracks * 1000 * game_step
    if how.env == "real":
        return steps * game_step + scored
    return steps * COSTS.dream_step + scored


def _correction(settings: PipelineSettings, workers: int, name: str, done: Mapping[str, float]) -> float:
    kind = name.rpartition("-")[2]
    same = [other for other in done if other.rpartition("-")[2] == kind]
    expected = sum(piece_seconds(settings, workers, other) for other in same)
    return sum(done[other] for other in same) / expected if expected else 1.0
