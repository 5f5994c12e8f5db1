"""Where jobs run: on this machine's cores, or on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dreamgym.running.cluster.executor import RayExecutor
from dreamgym.running.jobs import Executor, as_executor


@dataclass(frozen=True)
class ClusterSettings:
    """Where jobs run."""

    cluster: str | None = None
    """auto, or the HOST:PORT of a Ray cluster's head: jobs run on all its cores, and workers is not used. This
    machine's own cores if not given."""


@contextmanager
def open_executor(workers: int | None, place: ClusterSettings) -> Iterator[Executor]:
    """The executor of a command, closed with the context: the cluster's, or the local one with that many workers.

    Raises:
        JobError: As soon as jobs are run: there is no Ray, no cluster, or no node that can work.
    """
    with as_executor(workers if place.cluster is None else RayExecutor(place.cluster)) as executor:
        try:
            yield executor
        finally:
            executor.close()
