"""Jobs on a Ray cluster of this machine's own cores beside the local workers, and what that says about larger ones."""

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from dreamgym.benchmark.dream import population
from dreamgym.benchmark.measure import Results
from dreamgym.dream.imagination import Dreams, imagine
from dreamgym.dream.split import SplitImagine
from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.running.cluster.connection import import_ray
from dreamgym.running.cluster.executor import RayExecutor
from dreamgym.running.cluster.start import ENVIRONMENT, node_arguments
from dreamgym.running.files import write_whole
from dreamgym.running.jobs import Executor, LocalExecutor, default_workers
from dreamgym.world_model import WorldModel

LOCAL_COLLECT, CLUSTER_COLLECT = "collecting, local workers", "collecting, Ray workers"
LOCAL_DREAM, CLUSTER_DREAM = "imagine 256 x 16, this process", "imagine 256 x 16, split over Ray nodes of one core"
_CANDIDATES, _DREAMS = 256, 16
_EPISODES = 12  # per core
_JOBS, _RETURNED = 2000, 50  # jobs of which the driver's cost is measured
_EPISODE_BYTES = 1_600_000  # of an episode of 1,000 steps


class DriverCost(NamedTuple):
    """What jobs cost the driver, which sends and takes one after the other."""

    job_seconds: float  # of its CPU per job whose answer is a number
    job_bytes: float  # over the network, there and back, for such a job
    episode_seconds: float  # of its CPU per job whose answer is an episode's file, which it writes
    episode_bytes: float  # of such a file


@contextmanager
def own_cluster(nodes: int) -> Iterator[str]:
    """A cluster of that many nodes of one core each on this machine. Yields its address."""
    import_ray()
    with patch.dict(os.environ, ENVIRONMENT):
        from ray.cluster_utils import Cluster

        logging.getLogger("ray").setLevel(logging.ERROR)
        cluster = Cluster(initialize_head=True, head_node_args=node_arguments(1))
        try:
            for _ in range(nodes - 1):
                cluster.add_node(**node_arguments(1))
            yield cluster.address
        finally:
            cluster.shutdown()


def cluster_results(world_model: WorldModel, rounds: int, episode_steps: int, dream_steps: int) -> Results:
    """Frames per second of collecting, and steps per second of dreams, here and on a cluster, interleaved."""
    nodes = default_workers()
    names = {LOCAL_COLLECT: "frames/s", CLUSTER_COLLECT: "frames/s", LOCAL_DREAM: "steps/s", CLUSTER_DREAM: "steps/s"}
    results = Results(dict(names), {name: [] for name in names})
    policy, parameters = population(world_model, _CANDIDATES)
    dreams = Dreams(_DREAMS, horizon=dream_steps)
    with own_cluster(nodes) as address, RayExecutor(address) as far, LocalExecutor(nodes) as near:
        split = SplitImagine(far.whole_machines)
        for number in range(rounds + 1):
            for name, executor in ((LOCAL_COLLECT, near), (CLUSTER_COLLECT, far)):
                results.rates[name].append(collecting_rate(executor, number, episode_steps))
            for name, dream in ((LOCAL_DREAM, imagine), (CLUSTER_DREAM, split)):
                began = time.perf_counter()
                dream(world_model, policy, parameters, dreams)
                results.rates[name].append(_CANDIDATES * _DREAMS * dream_steps / (time.perf_counter() - began))
    for rates in results.rates.values():
        del rates[0]  # workers start and programs are compiled
    return results


def collecting_rate(executor: Executor, seed: int, steps: int) -> float:
    """Frames per second of a collection, files included."""
    settings = CollectSettings(episodes=_EPISODES * max(executor.workers, 1), episode_length=steps)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        report = collect(folder, "smoothed", EnvSettings(task="car_racing"), settings, seed=seed, workers=executor)
        return report.steps / (time.perf_counter() - began)


def driver_cost() -> DriverCost:
    """Measures what jobs cost a driver. The workers do nothing, or send as many bytes as an episode of 1,000 steps."""
    with own_cluster(default_workers()) as address, RayExecutor(address) as executor:
        list(executor.run(abs, range(100), deadline=60))
        before, began = _loopback_bytes(), time.process_time()
        list(executor.run(abs, range(_JOBS), deadline=60))
        job, sent = (time.process_time() - began) / _JOBS, (_loopback_bytes() - before) / _JOBS
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            for result in executor.run(zeros, [_EPISODE_BYTES] * _RETURNED, deadline=60):
                write_whole(Path(folder) / str(result.index), result.value)
            episode = (time.process_time() - began) / _RETURNED
    return DriverCost(job, sent, episode, _EPISODE_BYTES)


def zeros(n: int) -> bytes:
    """So many bytes."""
    return bytes(n)


def _loopback_bytes() -> int:
    """Bytes that went over the loopback device so far; 0 where the system does not say."""
    devices = Path("/proc/net/dev")
    lines = devices.read_text().splitlines() if devices.exists() else []
    return next((int(line.split()[1]) for line in lines if line.strip().startswith("lo:")), 0)
