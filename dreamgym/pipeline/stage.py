"""What a stage of a pipeline is, and the names of all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline."""

    name: str  # its name in the log and in the experiment's folder
    reads: Sequence[Path]  # files and folders that earlier stages wrote
    writes: Sequence[Path]  # files and folders that it leaves for later stages
    run: Callable[[], dict[str, Any]]  # does the work and returns its metrics, which are plain JSON data
    resumes: Sequence[Path] = ()  # files and folders that it goes on from, if it was interrupted
    shared: Sequence[Path] = ()  # folders that workers on other machines read and write in the remote, not here
    repeats: bool = False  # whether it makes files that are missing exactly as they were, and leaves the others


def stage_names(rounds: int) -> list[str]:
    """The names of all stages in order. Those of a round carry its number."""
    names = []
    for number in range(rounds + 1):
        kinds = ("collect", "vision", "latents", "memory", "controller")
        names += [f"{number}-{kind}" for kind in kinds if kind != "vision" or number == 0]
    return [*names, "choose", "evaluate", "video"]
