"""Jobs that behave and jobs that do not, importable by spawned workers."""

import os
import resource
import signal
import threading
import time
from pathlib import Path

import threadpoolctl


def double(x):
    return 2 * x


def process_id(_):
    time.sleep(0.2)
    return os.getpid()


def misbehave(job):
    """Kills, stops or hangs its own process, or raises, as told; a marker's folder makes it do so only once."""
    how, once = job
    marker = Path(once) / how if once else None
    if marker is not None and marker.exists():
        return f"{how} again"
    if marker is not None:
        marker.touch()
    if how == "hang":
        time.sleep(600)
    elif how == "raise":
        raise ValueError("as told")
    elif how == "memory":
        resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, resource.RLIM_INFINITY))
        try:
            bytearray(3 * 2**30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    elif how == "unpicklable":
        return threading.Lock()
    elif how.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, how))
    return how


def note_and_sleep(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600)


def large(n):
    return bytes(n)


def blas_threads(_):
    return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]


def torch_threads(_):
    import torch

    return torch.get_num_threads()


def node_of_job(folder):
    """The id of the Ray node that it runs on; fails the first time."""
    import ray

    node, first = ray.get_runtime_context().get_node_id(), Path(folder) / "first"
    if not first.exists():
        first.write_text(node)
        raise ValueError("the first time")
    return node


def read_shared(job):
    """What arrived of shared values and files."""
    _, value, content, folder, missing = job
    time.sleep(0.05)
    files = {path.name: path.read_text() for path in folder.files}
    sizes = len(value.value["numbers"]), len(content.value)
    held = (os.getpid(), id(value.value))
    return {"value": held, "sizes": sizes, "files": files, "folder": folder.path, "missing": missing.path}


def fill_memory_of(node):
    """Takes up to 6 GB if it runs on that Ray node."""
    import ray

    if ray.get_runtime_context().get_node_id() == node:
        taken = []
        for _ in range(60):
            taken.append(b"x" * 100_000_000)
            time.sleep(0.02)
    time.sleep(0.1)
