"""Writes a world model and its controller as ONNX files, with all else that a dream needs."""

import json
from pathlib import Path

import numpy as np

from dreamgym.dream.description import describe_dream
from dreamgym.models.dynamics import warm_up
from dreamgym.onnx_export import memory, vision
from dreamgym.onnx_export.controller import controller as controller_graph
from dreamgym.onnx_export.graph import onnx_package
from dreamgym.policies.controller import LinearController
from dreamgym.running.files import write_npz, write_whole
from dreamgym.world_model import WorldModel


def export_onnx(
    world_model: WorldModel, folder: str | Path, controller: LinearController | None = None, *, half: bool = False
) -> list[Path]:
    """Writes ``encoder.onnx``, ``decoder.onnx``, ``step.onnx``, ``controller.onnx``, ``dream.json`` and ``starts.npz``.

    The graphs' axes, types and units are those of :func:`dreamgym.onnx_export.vision.encoder`,
    :func:`dreamgym.onnx_export.vision.decoder`, :func:`dreamgym.onnx_export.memory.step` and
    :func:`dreamgym.onnx_export.controller.controller`. ``dream.json`` holds the action space, the temperature, the
    length of a dream and what it pays. ``starts.npz`` holds ``z``, ``h`` and ``c`` of states in which dreams can begin,
    ``(S, Z)``, ``(S, H)`` and ``(S, H)`` float32: those after each start's means.

    Args:
        world_model: V, M and starts.
        folder: Where the files go.
        controller: C; without one there is no ``controller.onnx``.
        half: Weights are stored as float16, for files of half the size; the computation stays float32.

    Raises:
        MissingPackageError: The package onnx is not installed.
        PolicyError: The controller's action head computes what there is no operation for.
    """
    folder = Path(folder).expanduser()
    onnx_package()
    graphs = {
        "encoder": vision.encoder(world_model.vision, half=half),
        "decoder": vision.decoder(world_model.vision, half=half),
        "step": memory.step(world_model, half=half),
    }
    if controller is not None:
        graphs["controller"] = controller_graph(controller, half=half)
    notes = {"task": world_model.task.name, "action_space": json.dumps(world_model.codec.to_json())}
    contents = {f"{name}.onnx": graph.file_content(notes) for name, graph in graphs.items()}
    contents["dream.json"] = json.dumps(describe_dream(world_model), indent=2).encode()
    for name, content in contents.items():
        write_whole(folder / name, content)
    write_npz(folder / "starts.npz", dict(zip("zhc", _states(world_model), strict=True)))
    return [folder / name for name in (*contents, "starts.npz")]


def _states(world_model: WorldModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    starts = world_model.starts
    state = None if starts.h is None or starts.c is None else (starts.h, starts.c)
    return starts.mu[:, -1], *warm_up(np, world_model.memory, starts.mu, starts.action, state)
