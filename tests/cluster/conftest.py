import os
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.cluster.executor import RayExecutor
from dreamgym.running.cluster.start import ENVIRONMENT, node_arguments
from dreamgym.storage.remote import Remote
from tests.storage.conftest import set_environment
from tests.storage.servers import BUCKET, ENVIRONMENT as CREDENTIALS, s3_server

STORE = 100 * 2**20
EPISODES = CollectSettings(episodes=6, noise=0.5)


@contextmanager
def ray_warns():
    """Ray warns of its own affairs when it starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="session")
def bucket_server():
    """A real S3 server."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'dreamgym[cluster]'")
    with s3_server() as address:
        yield address


@pytest.fixture(scope="session")
def cluster(bucket_server):
    """A cluster of two nodes with one core each, whose machines have credentials for the S3 server."""
    with ray_warns(), patch.dict(os.environ, ENVIRONMENT | CREDENTIALS | {"AWS_ENDPOINT_URL": bucket_server}):
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args=node_arguments(1, STORE))
        cluster.add_node(**node_arguments(1, STORE))
    yield cluster
    with ray_warns():
        cluster.shutdown()


@pytest.fixture
def bucket(bucket_server, monkeypatch, tmp_path):
    """A new prefix on the S3 server, for which this process has credentials too."""
    set_environment(monkeypatch, bucket_server)
    return Remote(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.fixture(scope="session")
def executor(cluster):
    with RayExecutor(cluster.address) as executor:
        assert executor.workers >= 1
        yield executor


@pytest.fixture
def third_node(cluster, executor):
    """Adds nodes to the cluster, and removes them afterwards. Ray takes some seconds to see that a node is dead."""
    added = []

    def add(cores=1, **arguments):
        with ray_warns(), patch.dict(os.environ, ENVIRONMENT):
            added.append(cluster.add_node(**node_arguments(cores, STORE), **arguments))
        return added[-1]

    yield add
    with ray_warns():
        for node in added:
            if node in cluster.worker_nodes:
                cluster.remove_node(node, allow_graceful=False)
        wait_until(lambda: executor.workers == 2)


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def contents(folder):
    """The files of episodes or latents in a folder, by name."""
    return {path.name: path.read_bytes() for path in Path(folder).glob("episode-*")}


@pytest.fixture(scope="session")
def controller(tiny_world_model, tmp_path_factory):
    zeros = LinearController.zeros(tiny_world_model)
    rng = np.random.default_rng(0)
    chosen = replace(zeros, parameters=rng.standard_normal(zeros.parameters.shape))
    path = tmp_path_factory.mktemp("controller") / "c.npz"
    chosen.save(path)
    return path


@pytest.fixture(scope="session")
def collected(controller, tiny_folder, tmp_path_factory):
    """Episodes that were played in this process."""
    folder = tmp_path_factory.mktemp("here") / "rollouts"
    env = EnvSettings(task="tests.tiny_game:TINY_TASK", world_model=tiny_folder)
    collect(folder, str(controller), env, EPISODES, workers=0)
    return folder
