"""Scores of a population of controllers in the real game: the fitness of evolution without a dream."""

from dataclasses import replace

import numpy as np

from dreamgym.errors import JobError
from dreamgym.evolution.evolve import Returns
from dreamgym.play.job import PlayJob, play_jobs, portable
from dreamgym.play.resolve import resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.jobs import Executor
from dreamgym.running.seeding import training_seeds


def population_returns(env: EnvSettings, head: str | None, *, episodes: int, executor: Executor) -> Returns:
    """A fitness for evolution in the real game, see :func:`dreamgym.evolution.evolve.train_in_real`.

    A worker plays a candidate's episodes in lockstep, so that V and M see them as a batch.

    Returns:
        ``returns(parameters (C, P), seed)``, which gives ``(C, episodes)`` float64. It raises
        :class:`dreamgym.errors.JobError` where a candidate could not be played.
    """
    world_model = resolve("random", env).world_model
    assert world_model is not None
    zeros = LinearController.zeros(world_model, head)
    there = portable(resolve(zeros, env))

    def returns(parameters: np.ndarray, seed: int) -> np.ndarray:
        seeds = training_seeds(seed, episodes)
        jobs = [PlayJob(replace(zeros, parameters=row), there, seeds) for row in parameters]
        table = np.empty((len(jobs), episodes))
        for result in play_jobs(executor, jobs):
            if result.error is not None:
                raise JobError(f"candidate {result.index} could not be played: {result.error}")
            table[result.index] = [played.score for played in result.value]
        return table

    return returns
