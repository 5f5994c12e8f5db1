"""How a node of a Ray cluster is started: with what Ray does by itself, and dreamgym has no use for, turned off."""

import os
from collections.abc import Mapping
from typing import Any

MISSING = "a cluster needs Ray; pip install 'dreamgym[cluster]'"
"""What is said where Ray is not installed."""
ENVIRONMENT: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it reports to the outside
    "RAY_memory_monitor_refresh_ms": "0",  # it ends workers at 95% of the machine's memory, whoever took it
    "RAY_enable_metrics_collection": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "2",  # a node that is ended waits so long for its jobs, which go elsewhere
    "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
}
"""The environment variables of Ray's processes."""
STORE_BYTES = 512 * 2**20
"""The size of a node's object store. Ray's own choice is 30% of the memory, from /dev/shm, which a container may have
64 MB of."""
_SMALLEST_STORE = 80 * 2**20  # Ray takes no smaller one


def store_bytes(asked: int | None = None) -> int:
    """The size of the object store: what was asked for, or what /dev/shm has room for."""
    if asked is not None:
        return asked
    try:
        shm = os.statvfs("/dev/shm")
        free = shm.f_bavail * shm.f_frsize
    except OSError:  # no Linux
        return STORE_BYTES
    return max(_SMALLEST_STORE, min(STORE_BYTES, free // 2))


def node_arguments(cores: int | None = None, store: int | None = None) -> dict[str, Any]:
    """Arguments of ``ray.cluster_utils.Cluster.add_node``."""
    chosen: dict[str, Any] = {"include_dashboard": False, "object_store_memory": store_bytes(store)}
    return chosen | ({} if cores is None else {"num_cpus": cores})


def start_command(head: bool, address: str | None, cores: int | None, store: int | None, port: int) -> list[str]:
    """The words of ``ray start``, whose process stays in the foreground until it is ended."""
    words = ["ray", "start", "--block", "--disable-usage-stats", f"--object-store-memory={store_bytes(store)}"]
    words += ["--head", f"--port={port}", "--include-dashboard=false"] if head else [f"--address={address}"]
    return words + ([] if cores is None else [f"--num-cpus={cores}"])
