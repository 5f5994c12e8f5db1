"""Writes the folder of static files that shows a world model's dream in a browser."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.dream.description import describe_dream
from dreamgym.errors import PolicyError, WebError
from dreamgym.models.vision_numpy import DECODER_FILTERS, DECODER_KERNELS
from dreamgym.policies.controller import LinearController
from dreamgym.policies.traced import trace
from dreamgym.running.checks import at_least, check_settings
from dreamgym.running.files import write_whole
from dreamgym.web.controls import controls_of
from dreamgym.web.weights import packed, page_arrays
from dreamgym.world_model import WorldModel

PAGE = Path(__file__).parent / "page"
PAGE_FILES = ("index.html", "style.css", "main.js", "dream.js", "driver.js", "noise.js", "plot.js", "kernel.wasm")
DESCRIPTION = "dream.json"
_WEIGHTS = "weights.bin"


@dataclass(frozen=True)
class SiteSettings:
    """What the page offers."""

    title: str = ""
    """The page's heading; the task's name if not given."""
    starts: int = 24
    """Starts to choose from at most, spread evenly over those of the world model."""
    max_megabytes: float = 10.0
    """Refuses to write a larger folder."""

    def __post_init__(self) -> None:
        check_settings(self, starts=at_least(1), max_megabytes=at_least(0))


def write_site(
    world_model: WorldModel,
    folder: str | Path,
    controller: LinearController | None = None,
    settings: SiteSettings = SiteSettings(),
) -> Path:
    """Writes the page, the world model and the controller, and returns the folder.

    Any static server can serve it. The page asks for nothing but the folder's own files.

    Args:
        world_model: V, M and starts.
        folder: A new or empty folder, or one that this function wrote.
        controller: C, which drives while nobody does; without one the dream then gets the neutral action.
        settings: What the page offers.

    Raises:
        WebError: The folder holds something else, or it would be larger than allowed.
        PolicyError: The controller is for other observations, or its action head computes what the page cannot.
    """
    folder = Path(folder).expanduser()
    _check_folder(folder)
    if controller is not None and controller.observation_size != world_model.observation_size:
        raise PolicyError(
            f"the controller observes {controller.observation_size} numbers, the world model has "
            f"{world_model.observation_size}; take the controller that was trained in it"
        )
    count = len(world_model.starts)
    kept = np.linspace(0, count - 1, min(settings.starts, count)).astype(int)
    world_model = world_model.replace(starts=world_model.starts.chosen(kept))
    weights, table = packed(page_arrays(world_model, controller))
    description = _description(world_model, controller) | {
        "title": settings.title or world_model.task.name.replace("_", " "),
        "starts": kept.tolist(),
        "arrays": table,
    }
    contents = {name: (PAGE / name).read_bytes() for name in PAGE_FILES}
    contents[_WEIGHTS] = weights
    contents[DESCRIPTION] = json.dumps(description).encode()  # the last one: with it the folder is whole
    size = sum(map(len, contents.values())) / 1e6
    if size > settings.max_megabytes:
        raise WebError(
            f"the page would take {size:.1f} MB, expected {settings.max_megabytes:g} at most; "
            "keep fewer --starts or raise --max-megabytes"
        )
    (folder / DESCRIPTION).unlink(missing_ok=True)
    for name, content in contents.items():
        write_whole(folder / name, content)
    return folder


def _description(world_model: WorldModel, controller: LinearController | None) -> dict[str, Any]:
    operations = None if controller is None else [asdict(operation) for operation in trace(controller.action_head)]
    box = world_model.codec.to_json()["type"] == "Box"
    space: Any = world_model.codec.space
    keys = asdict(controls_of(world_model.task, world_model.codec))
    return (
        describe_dream(world_model)
        | keys
        | {
            "format": 1,
            "low": space.low.reshape(-1).tolist() if box else None,
            "high": space.high.reshape(-1).tolist() if box else None,
            "whole": box and space.dtype.kind in "iu",
            "head": operations,
            "n_outputs": 0 if controller is None else controller.action_head.n_outputs,
            "kernels": list(DECODER_KERNELS),
            "filters": list(DECODER_FILTERS),
        }
    )


def _check_folder(folder: Path) -> None:
    if folder.is_file():
        raise WebError(f"{folder} is a file, expected a folder for the page")
    if folder.is_dir() and (
        others := sorted({path.name for path in folder.iterdir()} - {*PAGE_FILES, _WEIGHTS, DESCRIPTION})
    ):
        raise WebError(f"{folder} holds {others[0]!r}, which is no part of a page; name a new folder with --output")
