"""Estimates of a pipeline's time and disk space, from the cost of one unit of each kind of work.

The unit costs were measured on two cores. The finished stages of a run correct them for its machine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.running.progress import format_seconds
from dreamgym.tasks import get_task


@dataclass(frozen=True)
class UnitCosts:
    """Seconds and bytes per unit of work."""

    fast_step: float = 1 / 2800  # a step of the game with the fast renderer, PNG included, on one core
    observed_step: float = 1 / 800  # the same with V and M, for a controller
    stock_step: float = 1 / 140  # a step of the stock game on one core, V and M included
    vision_frame: float = 1 / 740  # a frame of V's training, on both cores
    encoded_frame: float = 1 / 5400  # a frame read and encoded to latents
    memory_step: float = 1 / 31_000  # a step of M's training
    dream_step: float = 1 / 430_000  # a step of a dream in a population
    video_step: float = 1 / 30  # a step of the side-by-side video
    frame_bytes: float = 1_600  # a frame on disk
    latent_bytes: float = 280  # a step's latents on disk


COSTS = UnitCosts()
GRADIENT_WORK = 15
"""A step of a dream whose gradient is taken, in steps of a population's dreams."""


def stage_seconds(settings: PipelineSettings, workers: int, name: str) -> float:
    """The expected seconds of a stage, by its name. V and M see one frame per decision."""
    skip = frame_skip(settings)
    number, _, kind = name.rpartition("-")
    round_ = int(number or 0)
    steps_now = steps_of_round(settings, round_)
    steps_so_far = sum(steps_of_round(settings, r) for r in range(round_ + 1))
    epochs = settings.memory.epochs if round_ == 0 else settings.memory_again.epochs
    # The controller, with M and with an untrained one, plays the stock game; two baselines that observe nothing do not.
    evaluated = 2 * settings.evaluation_episodes * usual_length(settings)
    memory_steps = steps_so_far / skip * epochs * settings.controller.members
    seconds = {
        "collect": steps_now * game_step(settings, observed=round_ > 0) / _processes(workers),
        "vision": _frames_of_vision(settings) * settings.vision.epochs * COSTS.vision_frame,
        "latents": steps_now / skip * COSTS.encoded_frame,
        "memory": memory_steps * COSTS.memory_step * memory_work(settings),
        "controller": _search_seconds(settings, workers, round_),
        "choose": _selection_steps(settings) * game_step(settings, observed=True) / _processes(workers),
        "evaluate": evaluated * (stock_step(settings) + COSTS.fast_step) / _processes(workers),
        "video": settings.video_steps * COSTS.video_step,
    }
    return seconds.get(kind, 0.0)


def remaining(settings: PipelineSettings, workers: int, names: Sequence[str], done: Mapping[str, float]) -> float:
    """The expected seconds of stages, corrected by the finished stages of the same kind."""
    return sum(stage_seconds(settings, workers, name) * _correction(settings, workers, name, done) for name in names)


def disk_bytes(settings: PipelineSettings) -> float:
    """Bytes that a whole run leaves on disk."""
    steps = sum(steps_of_round(settings, r) for r in range(settings.rounds + 1))
    world_models = (settings.rounds + 2) * 20e6
    return steps * (COSTS.frame_bytes + COSTS.latent_bytes) + world_models + 90e6


def print_estimate(
    settings: PipelineSettings,
    workers: int,
    names: Sequence[str],
    seconds: Callable[[PipelineSettings, int, str], float] = stage_seconds,
) -> None:
    """Prints the expected time of every stage, and the total time and disk space."""
    table = Table("stage", "about", title="estimate")
    times = {name: seconds(settings, workers, name) for name in names}
    for name, time in times.items():
        table.add_row(name, format_seconds(time))
    table.add_row("all", format_seconds(sum(times.values())), style="bold")
    console = Console()
    console.print(table)
    console.print(f"disk: about {disk_bytes(settings) / 1e9:.1f} GB; {workers} workers")


def _processes(workers: int) -> int:
    """The number of processes that play; 0 workers stand for this one."""
    return max(workers, 1)


def steps_of_round(settings: PipelineSettings, round_: int) -> int:
    """Steps of the game that a round collects."""
    collected = settings.random if round_ == 0 else settings.on_policy
    length = usual_length(settings)
    return collected.episodes * min(collected.episode_length or length, length)


def usual_length(settings: PipelineSettings) -> int:
    """Steps of the game that a whole episode lasts."""
    task = get_task(settings.task)
    return task.usual_length or task.horizon


def memory_work(settings: PipelineSettings) -> float:
    """A step of the task's M, in steps of the M that the unit costs were measured with."""
    task = get_task(settings.task)

    def products(z: int, h: int, k: int) -> int:
        return 4 * h * (z + h) + 3 * k * z * h

    return products(task.latent_size, task.hidden_size, task.n_mixtures) / products(32, 256, 5)


def frame_skip(settings: PipelineSettings) -> int:
    """Steps of the game per decision."""
    return settings.frame_skip or get_task(settings.task).frame_skip


def _frames_of_vision(settings: PipelineSettings) -> float:
    frames = steps_of_round(settings, 0) / frame_skip(settings)
    return min(frames, settings.random.episodes * (settings.vision.first_steps or frames))


def game_step(settings: PipelineSettings, observed: bool) -> float:
    """Seconds of a step of the game on one core, where a controller plays (``observed``) or not."""
    if settings.renderer == "stock":
        return stock_step(settings)
    seeing = (COSTS.observed_step - COSTS.fast_step) / frame_skip(settings)
    return COSTS.fast_step + seeing * observed


def stock_step(settings: PipelineSettings) -> float:
    """Seconds of a step of the stock game on one core; one without a fast env is taken to be fast itself."""
    if get_task(settings.task).fast_env_id:
        return COSTS.stock_step
    return game_step(replace(settings, renderer="fast"), observed=True)


def _search_seconds(settings: PipelineSettings, workers: int, round_: int) -> float:
    search, horizon = settings.search(round_), get_task(settings.task).horizon
    works = GRADIENT_WORK if search.method == "gradient" else search.candidates
    steps = search.generations * works * search.dreams * min(search.horizon, horizon)
    real_step = game_step(settings, observed=True) / _processes(workers)
    scored = search.generations // search.select_every * search.select_tracks * usual_length(settings) * real_step
    skip = frame_skip(settings)
    return steps * (real_step if search.env == "real" else COSTS.dream_step * memory_work(settings) / skip) + scored


def _selection_steps(settings: PipelineSettings) -> float:
    """Steps of the game that select the controller: each round's best, and it with each of the calmer heads."""
    task, search = get_task(settings.task), settings.controller
    heads = 1 + len(task.calmer_heads.get(search.head or task.default_head_name, ()))
    rounds = min(settings.finalists, settings.rounds + 1)
    if rounds * heads == 1:
        return 0.0
    finals = min(settings.finalists, rounds * heads) if settings.finalists > 1 else 0
    return (rounds * heads * search.select_tracks + finals * settings.final_tracks) * usual_length(settings)


def _correction(settings: PipelineSettings, workers: int, name: str, done: Mapping[str, float]) -> float:
    kind = name.rpartition("-")[2]
    same = [other for other in done if other.rpartition("-")[2] == kind]
    expected = sum(stage_seconds(settings, workers, other) for other in same)
    return sum(done[other] for other in same) / expected if expected else 1.0
