"""Jobs that behave and jobs that do not, importable by spawned workers."""

import os
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
