"""A population's dreams over the machines of a cluster, split by candidates."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from dreamgym.dream.imagination import Dreams, Imagined, imagine
from dreamgym.dream.population import PopulationPolicy
from dreamgym.errors import JobError
from dreamgym.running.jobs import Executor
from dreamgym.running.shared import Shared
from dreamgym.world_model import WorldModel

SMALLEST_PART = 64
"""Dreams per member of an ensemble that a part has at least. XLA's programs on a CPU round a dream in the same way
whatever the number of dreams beside it, and whatever the number of threads, if there are about 56 or more of them; with
fewer, a step differs in its last bit. So parts are not made smaller, and returns do not depend on the split."""
_LIMIT = 300.0  # seconds for a part, TensorFlow's start and compilation included, beside those of its steps
_STEP_SECONDS = 1e-4  # for a dream's step on a slow core: 30 times what it takes


@dataclass(frozen=True)
class DreamJob:
    """Some candidates of a population."""

    common: Shared  # the world model, the policy and the ensemble
    parameters: np.ndarray  # ``(c, P)``
    dreams: Dreams  # without the ensemble


class SplitImagine:
    """``imagine`` over the machines of an executor; used in the same way, for one world model, policy and ensemble.

    What candidates have in common goes to a machine once. Returns are those of :func:`imagine`, to the last bit on
    machines with the same kind of CPU.

    Args:
        machines: An executor whose jobs have all cores of a machine, see ``Executor.whole_machines``.
    """

    def __init__(self, machines: Executor):
        self._machines = machines
        self._common: Shared | None = None

    def __call__(
        self, world_model: WorldModel, policy: PopulationPolicy, parameters: np.ndarray, dreams: Dreams = Dreams()
    ) -> Imagined:
        """See :func:`dreamgym.dream.imagination.imagine`.

        Raises:
            JobError: A part failed on two machines.
        """
        common = (world_model, policy, *dreams.members)
        if self._common is None or list(map(id, self._common.value)) != list(map(id, common)):
            self._common = Shared(common)
        parts = split(len(parameters), dreams, self._machines.workers)
        jobs = [DreamJob(self._common, parameters[part], _of_part(dreams, part)) for part in parts]
        shape = (len(parameters), dreams.n)
        result = Imagined(np.empty(shape, np.float32), np.empty(shape, np.int32))
        steps = len(parameters) * dreams.n * (dreams.horizon or world_model.dream_steps())
        for done in self._machines.run(dream_job, jobs, deadline=_LIMIT + _STEP_SECONDS * steps):
            if done.error is not None:
                raise JobError(f"candidates {parts[done.index]} could not dream: {done.error}")
            result.returns[parts[done.index]], result.lengths[parts[done.index]] = done.value
        return result


def dream_job(job: DreamJob) -> Imagined:
    """Rolls out a part's candidates. A worker keeps the world model, and the compiled program, between jobs."""
    world_model, policy, *members = job.common.value
    return imagine(world_model, policy, job.parameters, replace(job.dreams, members=members))


def split(candidates: int, dreams: Dreams, machines: int) -> list[slice]:
    """Nearly equal parts of the candidates, at most one per machine, none smaller than :data:`SMALLEST_PART`."""
    per_candidate = dreams.n // max(len(dreams.members), 1)  # of the member with the fewest dreams
    smallest = -(-SMALLEST_PART // per_candidate) if per_candidate else candidates
    n_parts = max(1, min(machines, candidates // smallest))
    edges = [candidates * i // n_parts for i in range(n_parts + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _of_part(dreams: Dreams, part: slice) -> Dreams:
    first = 0 if dreams.shared else part.start * dreams.n
    return replace(dreams, members=(), seed=dreams.seed + first)
