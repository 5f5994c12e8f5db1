"""The executor that runs jobs on a Ray cluster."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dreamgym.running.cluster.connection import LOOK_EVERY, Connection
from dreamgym.running.cluster.fleet import Fleet, RemoteWorker
from dreamgym.running.jobs import JobResult
from dreamgym.running.worker import Answer

_ALL = 10**9


class RayExecutor:
    """Runs jobs on a Ray cluster, on one worker per core of every node, and keeps the workers between calls.

    It connects when the first job is run: the modules of the user's own that are imported by then go to the nodes.
    A node that joins later gets work. A run that is broken off ends the workers that were at work.

    Args:
        address: ``auto`` for the cluster that this machine belongs to, or the head's ``HOST:PORT``.
        connection: One that is shared with another executor; it is not closed here.
        whole: One worker per node, which uses all its cores, instead of one per core.
    """

    elsewhere = True

    def __init__(self, address: str = "auto", *, connection: Connection | None = None, whole: bool = False):
        self.address, self._whole = address, whole
        self._connection, self._ours = connection, connection is None
        self._fleet: Fleet | None = None
        self._machines: RayExecutor | None = None

    def __enter__(self) -> "RayExecutor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def workers(self) -> int:
        """The number of workers that the nodes have room for now."""
        nodes = self._connected().nodes(at_least=_ALL)
        return len(nodes) if self._whole else sum(node.cores for node in nodes)

    @property
    def whole_machines(self) -> "RayExecutor":
        """The executor over the same nodes that has one worker for all cores of a node."""
        if self._machines is None:
            self._machines = RayExecutor(self.address, connection=self._connected(), whole=True)
        return self._machines

    def run(
        self, function: Callable[[Any], Any], inputs: Sequence[Any], *, deadline: float, retries: int = 1
    ) -> Iterator[JobResult]:
        """See :class:`dreamgym.running.jobs.Executor`. A failed job is tried again on another node, if there is one.

        Raises:
            JobError: There is no Ray, no cluster, or no node that can work.
        """
        if self._fleet is None:
            self._fleet = Fleet(self._connected(), whole_machines=self._whole)
        run = _Run(function, inputs, deadline, retries, self._fleet)
        try:
            yield from run.results()
        except BaseException:
            run.break_off()
            raise

    def close(self) -> None:
        """Ends the workers, and the connection if it was made here. The executor can be used again."""
        machines, self._machines = self._machines, None
        if machines is not None:
            machines.close()
        fleet, self._fleet = self._fleet, None
        if fleet is not None:
            fleet.close()
        if self._ours and self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self.address)
        return self._connection


@dataclass
class _Run:
    """One call of ``run``: jobs that wait, that are at work, and that are tried again."""

    function: Callable[[Any], Any]
    inputs: Sequence[Any]
    deadline: float
    retries: int
    fleet: Fleet
    begun: int = 0  # the first jobs, which were given to a worker at least once
    attempts: dict[int, int] = field(default_factory=dict)  # of those
    again: deque[tuple[int, str]] = field(default_factory=deque)  # jobs to retry, and the nodes that they failed on

    def results(self) -> Iterator[JobResult]:
        left = len(self.inputs)
        while left:
            self.fleet.refresh()
            for worker in self.fleet.workers:
                for result in self._give(worker):
                    left -= 1
                    yield result
            for worker in self._answered():
                if worker.job is None:
                    self.fleet.take_start(worker)
                    continue
                for result in self._settle(worker, worker.job, worker.take()):
                    left -= 1
                    yield result
            for worker in [worker for worker in self.fleet.workers if worker.late]:
                for result in self._give_up(worker):
                    left -= 1
                    yield result

    def _give(self, worker: RemoteWorker) -> Iterator[JobResult]:
        """Gives an idle worker a job. Yields the results of jobs that cannot be sent."""
        while worker.idle and (job := self._choose(worker.node.id)) is not None:
            self.attempts[job] = self.attempts.get(job, 0) + 1
            answer = worker.begin(job, (self.function, self.inputs[job]), self.deadline)
            if answer is not None:
                worker.began = time.monotonic()
                yield from self._settle(worker, job, answer)

    def _choose(self, node: str) -> int | None:
        others = any(worker.node.id != node for worker in self.fleet.workers)
        for place, (job, failed_on) in enumerate(self.again):
            if failed_on != node or not others:
                del self.again[place]
                return job
        if self.begun == len(self.inputs):
            return None
        self.begun += 1
        return self.begun - 1

    def _answered(self) -> list[RemoteWorker]:
        """Waits for an answer until the next deadline or the next look at the nodes, then returns all that answered."""
        pending = {worker.pending: worker for worker in self.fleet.workers if worker.pending is not None}
        if not pending:
            time.sleep(0.05)
            return []
        wait, references = self.fleet.wait, list(pending)
        if wait(references, num_returns=1, timeout=LOOK_EVERY)[0]:
            return [pending[reference] for reference in wait(references, num_returns=len(references), timeout=0)[0]]
        return []

    def _settle(self, worker: RemoteWorker, job: int, answer: Answer) -> Iterator[JobResult]:
        error, value = answer
        attempts = self.attempts[job]
        if error is not None and attempts <= self.retries:
            self.again.append((job, worker.node.id))
            return
        yield JobResult(job, self.inputs[job], value, error, attempts, time.monotonic() - worker.began)

    def _give_up(self, worker: RemoteWorker) -> Iterator[JobResult]:
        job = worker.job
        if job is None:
            self.fleet.end_late_start(worker)
            return
        worker.end()
        yield from self._settle(worker, job, (f"the job did not end within {self.deadline:g} s", None))

    def break_off(self) -> None:
        """Ends the workers that are at work."""
        for worker in self.fleet.workers:
            if worker.job is not None:
                worker.end()
