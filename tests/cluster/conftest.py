import os
import time
import warnings
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from dreamgym.running.cluster.executor import RayExecutor
from dreamgym.running.cluster.start import ENVIRONMENT, node_arguments

STORE = 100 * 2**20


@contextmanager
def ray_warns():
    """Ray warns of its own affairs when it starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two nodes with one core each."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'dreamgym[cluster]'")
    with ray_warns(), patch.dict(os.environ, ENVIRONMENT):
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args=node_arguments(1, STORE))
        cluster.add_node(**node_arguments(1, STORE))
        yield cluster
        cluster.shutdown()


@pytest.fixture(scope="module")
def executor(cluster):
    with RayExecutor(cluster.address) as executor:
        assert executor.workers >= 1
        yield executor


@pytest.fixture
def third_node(cluster):
    """Adds nodes to the cluster, and removes them afterwards."""
    added = []

    def add(cores=1, **arguments):
        with ray_warns():
            added.append(cluster.add_node(**node_arguments(cores, STORE), **arguments))
        return added[-1]

    yield add
    with ray_warns():
        for node in added:
            if node in cluster.worker_nodes:
                cluster.remove_node(node, allow_graceful=False)


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
