"""V as two graphs. They compute what :mod:`dreamgym.models.vision_numpy` computes."""

from collections.abc import Mapping

import numpy as np

from dreamgym.onnx_export.graph import Graph
from dreamgym.tasks import FRAME_SIZE

Arrays = Mapping[str, np.ndarray]
_FRAMES = ("N", FRAME_SIZE, FRAME_SIZE, 3)


def encoder(arrays: Arrays, *, half: bool = False) -> Graph:
    """From ``frames``, uint8 ``(N, 64, 64, 3)``, to ``mu`` and ``logvar``, ``(N, Z)`` each."""
    graph, latent_size = Graph("encoder", half=half), len(arrays["mu_bias"])
    frames = graph.cast(graph.input("frames", _FRAMES, np.uint8), np.float32)
    x = graph.node("Transpose", graph.node("Mul", frames, graph.constant(np.float32(1 / 255))), perm=[0, 3, 1, 2])
    for i in range(4):
        kernel = graph.weights(f"encoder_{i}_kernel", arrays[f"encoder_{i}_kernel"].transpose(3, 2, 0, 1))
        bias = graph.weights(f"encoder_{i}_bias", arrays[f"encoder_{i}_bias"])
        x = graph.node("Relu", graph.node("Conv", x, kernel, bias, strides=[2, 2]))
    features = graph.reshaped(graph.node("Transpose", x, perm=[0, 2, 3, 1]), (0, -1))
    for name in ("mu", "logvar"):
        value = graph.affine(features, name, arrays[f"{name}_kernel"], arrays[f"{name}_bias"])
        graph.output(name, value, ("N", latent_size))
    return graph


def decoder(arrays: Arrays, *, half: bool = False) -> Graph:
    """From ``z`` ``(N, Z)`` to ``frames``, uint8 ``(N, 64, 64, 3)``."""
    graph = Graph("decoder", half=half)
    kernel, bias = arrays["decoder_dense_kernel"], arrays["decoder_dense_bias"]
    x = graph.affine(graph.input("z", ("N", len(kernel))), "decoder_dense", kernel, bias)
    x = graph.reshaped(x, (0, len(bias), 1, 1))
    for i in range(4):
        kernel_name = graph.weights(f"decoder_{i}_kernel", arrays[f"decoder_{i}_kernel"].transpose(3, 2, 0, 1))
        bias_name = graph.weights(f"decoder_{i}_bias", arrays[f"decoder_{i}_bias"])
        x = graph.node("ConvTranspose", x, kernel_name, bias_name, strides=[2, 2])
        x = graph.node("Relu" if i < 3 else "Sigmoid", x)
    scaled = graph.node("Add", graph.node("Mul", x, graph.constant(255.0)), graph.constant(0.5))
    graph.output("frames", graph.node("Transpose", graph.cast(scaled, np.uint8), perm=[0, 2, 3, 1]), _FRAMES, np.uint8)
    return graph
