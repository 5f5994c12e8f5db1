"""``dreamgym sync``: an experiment and its remote."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro

from dreamgym.errors import RemoteError
from dreamgym.pipeline.experiment import Experiment
from dreamgym.running.lock import locked
from dreamgym.storage.compare import State
from dreamgym.storage.mirror import Report
from dreamgym.storage.settings import RemoteSettings

_LISTED = 10  # names of a folder; more are counted


@dataclass(frozen=True)
class Args:
    """Brings an experiment and its remote together: dreamgym sync push, pull or status.

    Reads the experiment's folder and the remote. push writes into the remote what it lacks, pull writes into the folder
    what it lacks, status writes nothing. What differs is let be, unless one side alone has changed since both were the
    same. Stopped anywhere, the same command goes on. Deletes nothing.
    """

    action: Literal["push", "pull", "status"]
    """push: from here to the remote; pull: from the remote to here; status: list what is here only, there only or
    different."""
    experiment: str
    """A name under DREAMGYM_HOME (~/world-models-experiments), or a folder."""
    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)
    force: bool = False
    """Also replace what differs: push replaces it there, pull replaces it here."""


def run(args: Args) -> None:
    """Pushes, pulls or lists."""
    experiment = Experiment.named(args.experiment)
    mirror = experiment.mirror(args.storage.remote)
    if mirror is None:
        raise RemoteError(f"{experiment.folder} names no remote; give one: --remote s3://bucket/prefix")
    if args.action != "pull" and not experiment.folder.is_dir():
        raise RemoteError(f"there is no {experiment.folder}; name an experiment, or pull it first")
    if args.action == "status":
        print("\n".join(describe(mirror.changes())) or f"{experiment.folder} and {mirror.remote.url} are the same")
        return
    if args.action == "push":
        report = mirror.push(force=args.force)
    else:
        with locked(experiment.folder):
            report = mirror.pull(force=args.force)
    verb = {"push": "pushed to", "pull": "pulled from"}[args.action]
    print(f"{report.moved} files ({report.size / 1e6:,.1f} MB) {verb} {mirror.remote.url}")
    complain(report, args.action)


def complain(report: Report, action: str) -> None:
    """Raises a RemoteError that names what could not be moved, if there is anything."""
    for problem in report.damaged.values():
        print(f"  {problem}")
    for name in report.different:
        print(f"  {name} differs")
    if report.different:
        raise RemoteError(
            f"{len(report.different)} files differ from their objects and were let be, and so was what is moved after "
            f"them; dreamgym sync {action} --force replaces them"
        )
    if report.damaged:
        raise RemoteError(
            f"{len(report.damaged)} objects are damaged; push them again from a machine that has them whole, or make "
            "them again"
        )


def describe(changes: Iterable[tuple[str, State]]) -> list[str]:
    """A line for each change, or for all that a folder has of one kind where they are many."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, state in changes:
        groups[name.rpartition("/")[0], state.value].append(name)
    lines = []
    for (folder, said), names in sorted(groups.items()):
        shown = sorted(names) if len(names) <= _LISTED else [f"{folder or '.'}/  ({len(names)} files)"]
        lines += [f"{said:<14} {name}" for name in shown]
    return lines
