"""The workers of a cluster, as the driver sees them."""

import pickle
import time
import warnings
from collections.abc import Callable
from typing import Any

from dreamgym.errors import DreamGymError, JobError, describe
from dreamgym.running.cluster.connection import Connection, Node
from dreamgym.running.cluster.worker import JobWorker, environment
from dreamgym.running.worker import START_LIMIT, Answer

_BAR_AFTER = 3  # workers that did not start in a row: the node gets no more


class RemoteWorker:
    """One worker: an actor on a node. It is started when it is made, and does one job at a time."""

    def __init__(self, connection: Connection, node: Node, threads: int, cores: int):
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._ray, self._connection, self.node = connection.ray, connection, node
        actor = self._ray.remote(JobWorker).options(
            num_cpus=cores,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
            runtime_env={"env_vars": environment(threads)},
        )
        self._actor = actor.remote(threads, node.folder)
        self.pending: Any = self._actor.process.remote()  # what it will answer next; None if it is idle
        self._process: int | None = None
        self.job: int | None = None  # the index of the job that it does
        self.began, self._limit = time.monotonic(), START_LIMIT
        self.dead = False

    @property
    def started(self) -> bool:
        """Whether it has ever answered."""
        return self._process is not None

    @property
    def idle(self) -> bool:
        """Whether it can take a job."""
        return self.pending is None and not self.dead

    def begin(self, job: int, call: tuple[Callable[[Any], Any], Any], deadline: float) -> Answer | None:
        """Sends a job: a function and its input. Returns an answer where it cannot be sent."""
        try:
            message, references = self._connection.sender.message(call)
        except DreamGymError as error:
            return str(error), None
        except Exception as error:
            return f"the input cannot be sent to a worker ({describe(error)})", None
        self.job, self.began, self._limit = job, time.monotonic(), deadline
        self.pending = self._actor.answer.remote(message, references)
        return None

    def take_start(self) -> str | None:
        """Takes the answer to the start; returns why it has failed."""
        try:
            self._process = self._ray.get(self.pending)
        except self._ray.exceptions.RayError as error:
            self.end()
            return self._died(error)
        self.pending = None
        return None

    def take(self) -> Answer:
        """Takes the answer to a job. A worker that gives none is dead."""
        pending, self.pending, self.job = self.pending, None, None
        try:
            content = self._ray.get(pending)
        except self._ray.exceptions.RayError as error:
            self.end()
            return self._died(error), None
        try:
            answer: Answer = pickle.loads(content)
        except Exception as error:
            answer = (f"the worker's answer cannot be read ({describe(error)})", None)
        return answer

    @property
    def late(self) -> bool:
        """Whether it should have answered by now."""
        return self.pending is not None and time.monotonic() - self.began > self._limit

    def end(self) -> None:
        """Ends the process, also where it is stopped: the node's keeper needs no answer from it."""
        if not self.dead:
            self.dead, self.pending, self.job = True, None, None
            if self._process is not None:
                self.node.keeper.kill.remote(self._process)
            self._ray.kill(self._actor)

    def _died(self, error: BaseException) -> str:
        exceptions, where = self._ray.exceptions, f"the worker on {self.node.name}"
        if isinstance(error, exceptions.OutOfMemoryError):
            return f"{where} ran out of memory; Ray's memory monitor ended it"
        text = " ".join(str(error).split())
        if "node has died" in text or "node is dead" in text:
            return f"{where} died with its node"
        if self.node.ran_out_of_memory(self._ray):
            return f"{where} ran out of memory; the kernel ended it"
        if isinstance(error, exceptions.RayActorError):
            cause = text.partition("Worker exit detail: ")[2].partition(". Some common")[0] or text[-200:]
            return f"{where} died ({cause})"
        return f"{where} gave no answer ({type(error).__name__}: {text[:200]})"


class Fleet:
    """The workers on all nodes: one per core, or one per node that uses all its cores."""

    def __init__(self, connection: Connection, *, whole_machines: bool):
        self._connection, self._whole = connection, whole_machines
        self.wait = connection.ray.wait
        self.workers: list[RemoteWorker] = []
        self._failed: dict[str, int] = {}  # workers that did not start in a row, by node
        self.start_error = ""

    def refresh(self) -> None:
        """Starts workers where there are fewer than cores, and forgets dead ones.

        Raises:
            JobError: Workers can be started on no node.
        """
        nodes = self._connection.nodes()
        there = {node.id for node in nodes}
        self.workers = [w for w in self.workers if not w.dead and (w.node.id in there or w.pending is not None)]
        for node in nodes:
            if self._failed.get(node.id, 0) >= _BAR_AFTER:
                continue
            count = sum(worker.node is node for worker in self.workers)
            for _ in range(count, 1 if self._whole else node.cores):
                threads, cores = (node.cores, 0) if self._whole else (1, 1)
                self.workers.append(RemoteWorker(self._connection, node, threads, cores))
        if self.start_error and not self.workers:
            raise JobError(f"no worker can be started on the cluster: {self.start_error}")

    def take_start(self, worker: RemoteWorker) -> None:
        """Takes a new worker's answer. A node where workers do not start is left alone, with a warning."""
        self._count_start(worker, worker.take_start())

    def end_late_start(self, worker: RemoteWorker) -> None:
        """Gives a worker up that does not start.

        Raises:
            JobError: None has ever started.
        """
        worker.end()
        problem = f"a worker on {worker.node.name} did not start within {START_LIMIT:g} s"
        if not any(other.started for other in self.workers):
            raise JobError(f"{problem}; are the cluster's cores taken by another driver?")
        self._count_start(worker, problem)

    def _count_start(self, worker: RemoteWorker, problem: str | None) -> None:
        node = worker.node
        if problem is None:
            self._failed[node.id] = 0
            return
        self._failed[node.id] = self._failed.get(node.id, 0) + 1
        self.start_error = problem
        if self._failed[node.id] == _BAR_AFTER:
            warnings.warn(f"node {node.name} gets no more work: {problem}", stacklevel=2)

    def close(self) -> None:
        """Ends all workers."""
        for worker in self.workers:
            worker.end()
        self.workers = []
