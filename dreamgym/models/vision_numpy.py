"""V in NumPy: encodes and decodes a few frames without importing TensorFlow.

An import of TensorFlow takes seconds and hundreds of megabytes per process. Collection workers, single envs and
rendered dreams avoid it. For many frames, :class:`dreamgym.models.vision.BatchVision` is faster.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from dreamgym.running.threads import one_thread

Arrays = Mapping[str, np.ndarray]
ENCODER_FILTERS = (32, 64, 128, 256)
DECODER_FILTERS = (128, 64, 32, 3)
DECODER_KERNELS = (5, 5, 6, 6)


def array_shapes(latent_size: int) -> dict[str, tuple[int, ...]]:
    """The names of V's arrays, and their shapes for a latent size."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(pairwise((3, *ENCODER_FILTERS))):
        shapes |= {f"encoder_{i}_kernel": (4, 4, n_in, n_out), f"encoder_{i}_bias": (n_out,)}
    for name in ("mu", "logvar"):
        shapes |= {f"{name}_kernel": (1024, latent_size), f"{name}_bias": (latent_size,)}
    shapes |= {"decoder_dense_kernel": (latent_size, 1024), "decoder_dense_bias": (1024,)}
    for i, (n_in, n_out) in enumerate(pairwise((1024, *DECODER_FILTERS))):
        k = DECODER_KERNELS[i]
        shapes |= {f"decoder_{i}_kernel": (k, k, n_out, n_in), f"decoder_{i}_bias": (n_out,)}
    return shapes


def encode(arrays: Arrays, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encodes uint8 frames ``(n, 64, 64, 3)`` to ``mu`` and ``logvar``, float32 ``(n, Z)`` each."""
    with one_thread():
        x = frames.astype(np.float32) * np.float32(1 / 255)
        for i in range(4):
            x = np.maximum(_convolve(x, arrays[f"encoder_{i}_kernel"]) + arrays[f"encoder_{i}_bias"], 0)
        x = x.reshape(len(x), 1024)
        return x @ arrays["mu_kernel"] + arrays["mu_bias"], x @ arrays["logvar_kernel"] + arrays["logvar_bias"]


def decode(arrays: Arrays, z: np.ndarray) -> np.ndarray:
    """Decodes float32 latents ``(n, Z)`` to uint8 frames ``(n, 64, 64, 3)``."""
    with one_thread():
        x = (z @ arrays["decoder_dense_kernel"] + arrays["decoder_dense_bias"]).reshape(len(z), 1, 1, 1024)
        for i in range(4):
            x = _convolve_transposed(x, arrays[f"decoder_{i}_kernel"]) + arrays[f"decoder_{i}_bias"]
            if i < 3:
                np.maximum(x, 0, out=x)
    picture = 0.5 + 0.5 * np.tanh(0.5 * x)  # the logistic function
    return (picture * 255 + 0.5).astype(np.uint8)


def _convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A stride-2 convolution without padding. ``kernel`` has Keras's layout ``(k, k, in, out)``."""
    n, height, width, channels = x.shape
    k, _, _, n_out = kernel.shape
    rows, columns = (height - k) // 2 + 1, (width - k) // 2 + 1
    s0, s1, s2, s3 = x.strides
    windows = np.lib.stride_tricks.as_strided(
        x, (n, rows, columns, k, k, channels), (s0, 2 * s1, 2 * s2, s1, s2, s3), writeable=False
    )
    columns_matrix = windows.reshape(n * rows * columns, k * k * channels)
    return (columns_matrix @ kernel.reshape(-1, n_out)).reshape(n, rows, columns, n_out)


def _convolve_transposed(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A stride-2 transposed convolution without padding. ``kernel`` has Keras's layout ``(k, k, out, in)``."""
    n, rows, columns, channels = x.shape
    k, _, n_out, _ = kernel.shape
    patches = (x.reshape(-1, channels) @ kernel.reshape(-1, channels).T).reshape(n, rows, columns, k, k, n_out)
    out = np.zeros((n, 2 * (rows - 1) + k, 2 * (columns - 1) + k, n_out), np.float32)
    for i in range(k):
        for j in range(k):
            out[:, i : i + 2 * rows - 1 : 2, j : j + 2 * columns - 1 : 2] += patches[:, :, :, i, j]
    return out
