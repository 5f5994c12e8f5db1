"""The connection to a Ray cluster, and its nodes."""

import contextlib
import logging
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from dreamgym.errors import JobError, describe
from dreamgym.running.cluster import node as node_module
from dreamgym.running.cluster.messages import Sender
from dreamgym.running.cluster.modules import user_modules
from dreamgym.running.cluster.start import MISSING

LOOK_EVERY = 1.0  # seconds between looks at who is in the cluster
_KEEPER_LIMIT = 60.0  # seconds that a node's keeper may take to start
HELP = "start one with `dreamgym cluster-node --head`, see docs/cluster.md"


def import_ray() -> Any:
    """Ray; raises a JobError where it is not installed."""
    try:
        import ray
    except ImportError as error:
        raise JobError(MISSING) from error
    return ray


@dataclass(eq=False)
class Node:
    """A machine of the cluster that jobs may run on."""

    id: str
    cores: int  # that Ray gives away there
    host: str
    keeper: Any  # the actor beside its workers
    folder: str  # for shared files
    memory_kills: int = 0  # that are known

    @property
    def name(self) -> str:
        """For people: Ray's ids begin with the part that differs."""
        return f"{self.host} ({self.id[:8]})"

    def ran_out_of_memory(self, ray: Any) -> bool:
        """Whether the kernel has ended a process for lack of memory since the last look."""
        try:
            now = ray.get(self.keeper.memory_kills.remote(), timeout=5)
        except ray.exceptions.RayError:
            return False  # the node is gone
        before, self.memory_kills = self.memory_kills, now
        return now > before


class Connection:
    """A driver's connection. Nodes with another dreamgym or Python get no work, and a warning names them.

    Raises:
        JobError: There is no Ray, or no cluster at the address.
    """

    def __init__(self, address: str):
        self.ray = import_ray()
        self.ours = not self.ray.is_initialized()  # a program may have connected by itself
        _check_address(address)
        if self.ours:
            self._connect(address)
        self._muted = _mute(self.ray)
        self.sender = Sender(self.ray.put)
        self._nodes: dict[str, Node] = {}
        self._starting: dict[str, tuple[Any, Any, float]] = {}  # the keeper, what it will say, and since when
        self.refused: dict[str, str] = {}  # why a node gets no work
        self._looked = -LOOK_EVERY

    def _connect(self, address: str) -> None:
        try:
            with _quiet():
                self.ray.init(
                    address=address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    runtime_env={"py_modules": user_modules()},
                )
        except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own
            self.ray.shutdown()
            reason = " ".join(describe(error).split())[:300]
            raise JobError(f"no Ray cluster at {address!r} ({reason}); {HELP}") from error

    def nodes(self, at_least: int = 1) -> list[Node]:
        """The nodes that may have work now: so many, if there are as many. A node that joins is found within seconds.

        Raises:
            JobError: Every node with cores was refused.
        """
        self._look()
        while len(self._nodes) < at_least and (self._starting or not self._nodes):
            if not self._starting:
                refused = "; ".join(self.refused.values()) or "no node has a core"
                raise JobError(f"no node of the cluster can work: {refused}")
            time.sleep(0.05)
            self._look()
        return list(self._nodes.values())

    def _look(self) -> None:
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            alive = {n["NodeID"]: n for n in self.ray.nodes() if n["Alive"] and n["Resources"].get("CPU", 0) >= 1}
            self._nodes = {id_: node for id_, node in self._nodes.items() if id_ in alive}
            self._starting = {id_: start for id_, start in self._starting.items() if id_ in alive}
            for id_ in alive.keys() - self._nodes.keys() - self._starting.keys() - self.refused.keys():
                keeper = self._start_keeper(id_)
                self._starting[id_] = (keeper, keeper.about.remote(), time.monotonic())
                self._cores = {i: int(n["Resources"]["CPU"]) for i, n in alive.items()}
        for id_, (keeper, about, since) in list(self._starting.items()):
            if self.ray.wait([about], timeout=0)[0] or time.monotonic() - since > _KEEPER_LIMIT:
                del self._starting[id_]
                self._admit(id_, keeper, about)

    def _start_keeper(self, node_id: str) -> Any:
        from ray import cloudpickle
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        cloudpickle.register_pickle_by_value(node_module)
        where = NodeAffinitySchedulingStrategy(node_id, soft=False)
        return self.ray.remote(node_module.Keeper).options(num_cpus=0, scheduling_strategy=where).remote()

    def _admit(self, id_: str, keeper: Any, about: Any) -> None:
        try:
            said = self.ray.get(about, timeout=0)
            node = Node(id_, self._cores[id_], said["host"], keeper, said["folder"])
            problem = _difference(said)
        except self.ray.exceptions.RayError as error:
            if any(n["NodeID"] == id_ and not n["Alive"] for n in self.ray.nodes()):
                return  # it came and went
            node, problem = Node(id_, 0, "?", keeper, ""), f"cannot start a process: {_first_line(error)}"
        if problem is None:
            self._nodes[id_] = node
            node.ran_out_of_memory(self.ray)  # earlier ones do not count
            return
        self.refused[id_] = f"node {node.name} {problem}"
        warnings.warn(f"{self.refused[id_]}; it gets no work", stacklevel=2)
        self.ray.kill(keeper)

    def close(self) -> None:
        """Ends what runs on the nodes for this driver."""
        closing = [node.keeper.close.remote() for node in self._nodes.values()]
        with contextlib.suppress(self.ray.exceptions.RayError):
            self.ray.wait(closing, num_returns=len(closing), timeout=5) if closing else None
        for node in self._nodes.values():
            self.ray.kill(node.keeper)
        if self.ours:
            self.ray.shutdown()
        self._muted.close()


def _difference(said: dict[str, Any]) -> str | None:
    for name, here in node_module.versions().items():
        if said[name] != here:
            return f"has {name} {said[name]}, this is {name} {here}; install the same there"
    return None


def _first_line(error: BaseException) -> str:
    return describe(error).strip().splitlines()[0]


def _check_address(address: str) -> None:
    """Ray tries an address for minutes before it says that nobody is there."""
    if address.startswith("ray://"):
        raise JobError(f"{address!r} is a Ray Client's address; run dreamgym on a machine of the cluster with 'auto'")
    host, colon, port = address.rpartition(":")
    if address in ("auto", "local") or not colon:
        if address != "auto":
            raise JobError(f"cluster is {address!r}, expected 'auto', or the head's HOST:PORT; {HELP}")
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise JobError(f"no Ray cluster at {address!r} ({error}); {HELP}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray warns of what it will change in later versions, which is no news to its users' users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _mute(ray: Any) -> contextlib.ExitStack:
    """Keeps Ray from printing a paragraph on stdout for every process that ends. Closing undoes it."""
    stack = contextlib.ExitStack()
    if hasattr(ray._private.worker, "print_to_stdstream"):  # it offers no setting for that
        stack.enter_context(patch.object(ray._private.worker, "print_to_stdstream", lambda *_, **__: None))
    return stack
