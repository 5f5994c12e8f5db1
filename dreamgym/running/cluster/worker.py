"""One worker process on a node: what it does with a message."""

import os
import pickle
from pathlib import Path
from typing import Any

from dreamgym.errors import describe
from dreamgym.running.cluster.messages import Receiver, References
from dreamgym.running.worker import call


class JobWorker:
    """Does one job after the other with a number of threads. Ray makes an actor of it."""

    def __init__(self, threads: int, folder: str):
        import ray
        import threadpoolctl

        threadpoolctl.threadpool_limits(threads)
        self._receiver = Receiver(ray.get, Path(folder))

    def process(self) -> int:
        """The process's id."""
        return os.getpid()

    def answer(self, message: bytes, references: References) -> bytes:
        """Does a job: the pickled pair of an error in one line, or None, and the value."""
        answer = call(self._call, (message, references))
        try:
            return pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            return pickle.dumps((f"the value cannot be sent back ({describe(error)})", None))

    def _call(self, message: tuple[bytes, References]) -> Any:
        function, value = self._receiver.job(*message)
        return function(value)


def environment(threads: int) -> dict[str, str]:
    """The environment variables of a worker, which libraries read as they are loaded."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return dict.fromkeys(names, str(threads)) | {"TF_CPP_MIN_LOG_LEVEL": "3"}
