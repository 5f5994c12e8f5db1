"""A population of controllers in the real game: what evolution without a dream asks for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dreamgym.errors import JobError
from dreamgym.evaluation import task_path
from dreamgym.jobs import run_jobs
from dreamgym.play import PlayJob, play_deadline, play_job
from dreamgym.policies import LinearController
from dreamgym.tasks import Renderer
from dreamgym.world_model import WorldModel


def population_returns(
    world_model: str | Path,
    *,
    episodes: int,
    workers: int,
    head: str | None = None,
    max_steps: int | None = None,
    renderer: Renderer = "fast",
) -> Callable[[np.ndarray, int], np.ndarray]:
    """A fitness for evolution in the real game, see :func:`agents.cma_es.train_in_real`.

    A candidate's episodes run in lockstep in one worker, so that V and M see them as a batch.

    Args:
        world_model: The folder of V and M.
        episodes: Tracks a candidate; all candidates meet the same.
        workers: Processes.
        head: The action head; the task's first if None.
        max_steps: Steps of an episode; the task's horizon if None.
        renderer: The game's.

    Returns:
        ``returns(parameters (C, P), seed)`` gives the returns ``(C, episodes)`` float64. It raises
        :class:`dreamgym.errors.JobError` when a candidate could not be played.
    """
    known = WorldModel.load(world_model)
    head_name = head or next(iter(known.task.action_heads), "default")
    path = task_path(known.task)
    steps = max_steps or known.task.horizon

    def returns(parameters: np.ndarray, seed: int) -> np.ndarray:
        seeds = training_seeds(seed, episodes)
        jobs = [
            PlayJob(
                task=path,
                policy=LinearController(row, known.task.name, known.codec, head_name),
                seeds=seeds,
                world_model=str(world_model),
                renderer=renderer,
                max_steps=steps,
            )
            for row in np.asarray(parameters, np.float32)
        ]
        table = np.empty((len(jobs), episodes))
        for result in run_jobs(play_job, jobs, workers=workers, deadline=play_deadline(steps, episodes)):
            if result.error is not None:
                raise JobError(f"candidate {result.index} could not be played: {result.error}")
            table[result.index] = [played.score for played in result.value]
        return table

    return returns


def training_seeds(seed: int, n: int) -> tuple[int, ...]:
    """Seeds of n training episodes, below ``2**31``, where no seed of a score or a selection lies."""
    return tuple(int(s) for s in np.random.default_rng([seed, 12]).integers(2**31, size=n))
