"""The arrays of a world model and its controller in one file, laid out as the page's kernel reads them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dreamgym.policies.controller import LinearController
from dreamgym.world_model import WorldModel

PANEL = 8  # columns; the kernel computes so many at once
_ALIGNMENT = 4  # bytes


def page_arrays(world_model: WorldModel, controller: LinearController | None) -> dict[str, np.ndarray]:
    """What the page computes with, by name.

    V's decoder is float16, which the eye does not see. All else is float32: M in float16 would be another dream after a
    few steps. A matrix product's right side ``(k, n)`` is in panels, see :func:`panels`; its biases are its last row,
    or an array beside it.
    """
    memory, vision, starts = world_model.memory, world_model.vision, world_model.starts
    arrays = {
        "lstm": panels(np.concatenate([memory.kernel, memory.recurrent_kernel, memory.bias[None]])),
        "heads": panels(np.concatenate([memory.head_kernel, memory.head_bias[None]])),
        **{f"starts_{name}": array.astype(np.float32) for name, array in starts.arrays().items()},
    }
    dense = np.concatenate([vision["decoder_dense_kernel"], vision["decoder_dense_bias"][None]])
    arrays["dense"] = panels(dense).astype(np.float16)
    for i in range(4):
        kernel = vision[f"decoder_{i}_kernel"]
        arrays[f"deconvolution_{i}"] = panels(kernel.reshape(-1, kernel.shape[-1]).T).astype(np.float16)
        arrays[f"deconvolution_{i}_bias"] = vision[f"decoder_{i}_bias"].astype(np.float32)
    if controller is not None:
        weights, bias = controller.weights_and_bias
        z_and_h, c = np.split(weights, [world_model.latent_size + world_model.hidden_size])
        arrays["controller"] = panels(np.concatenate([c, z_and_h, bias[None]]))  # as the page's `observed` has them
    return arrays


def panels(matrix: np.ndarray) -> np.ndarray:
    """A matrix ``(k, n)`` in panels of :data:`PANEL` columns, ``(ceil(n / PANEL), k, PANEL)``, filled up with zeros."""
    k, n = matrix.shape
    n_panels = math.ceil(n / PANEL)
    padded = np.zeros((k, n_panels * PANEL), matrix.dtype)
    padded[:, :n] = matrix
    return np.ascontiguousarray(padded.reshape(k, n_panels, PANEL).swapaxes(0, 1))


def packed(arrays: Mapping[str, np.ndarray]) -> tuple[bytes, dict[str, Any]]:
    """The arrays one after the other, little-endian, and where each begins, as plain JSON data."""
    content, table = bytearray(), {}
    for name, array in arrays.items():
        table[name] = {"type": str(array.dtype), "shape": list(array.shape), "offset": len(content)}
        content += array.astype(array.dtype.newbyteorder("<")).tobytes()
        content += bytes(-len(content) % _ALIGNMENT)
    return bytes(content), table
