"""An ONNX graph in the making."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dreamgym.errors import MissingPackageError

OPSET, IR_VERSION = 17, 8  # of 2022, so that runtimes of the last years read the files


def onnx_package() -> Any:
    """The package ``onnx``, which is imported here alone.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingPackageError(
            f"ONNX files need the package onnx ({error}); pip install 'dreamgym[onnx]'"
        ) from error
    return onnx


class Graph:
    """Nodes, weights, inputs and outputs, known by their names. The first axis N of inputs and outputs is free.

    Args:
        name: The graph's.
        half: Weights are stored as float16 and cast to float32 in the graph.
    """

    def __init__(self, name: str, *, half: bool = False):
        self._onnx, self._name, self._half = onnx_package(), name, half
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Sequence[int | str], dtype: Any = np.float32) -> str:
        """An input of the graph; a word in its shape is an axis of any length."""
        self._inputs.append(self._described(name, shape, dtype))
        return name

    def output(self, name: str, value: str, shape: Sequence[int | str], dtype: Any = np.float32) -> None:
        """Makes a value an output of the graph."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
        self._outputs.append(self._described(name, shape, dtype))

    def weights(self, name: str, array: np.ndarray) -> str:
        """A float32 array of the model, stored by its name."""
        if not self._half:
            return self._stored(name, np.asarray(array, np.float32))
        return self.node("Cast", self._stored(name, np.asarray(array, np.float16)), to=self._dtype(np.float32))

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        """A constant of the computation."""
        return self._stored(f"constant_{len(self._weights)}", np.asarray(array, dtype))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The output of a new node with one output."""
        output = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def cast(self, value: str, dtype: Any) -> str:
        """The value as another type."""
        return self.node("Cast", value, to=self._dtype(dtype))

    def columns(self, value: str, first: int, last: int) -> str:
        """Columns of the last axis, up to and without ``last``."""
        bounds = [self.constant([number], np.int64) for number in (first, last, -1)]
        return self.node("Slice", value, *bounds)

    def reshaped(self, value: str, shape: Sequence[int]) -> str:
        """The value in another shape; 0 keeps an axis."""
        return self.node("Reshape", value, self.constant(shape, np.int64))

    def affine(self, value: str, name: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """``value @ kernel + bias``."""
        return self.node("Gemm", value, self.weights(f"{name}_kernel", kernel), self.weights(f"{name}_bias", bias))

    def file_content(self, notes: dict[str, str]) -> bytes:
        """The graph as an ``.onnx`` file with notes for people, checked."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="dreamgym")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, notes)
        self._onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _stored(self, name: str, array: np.ndarray) -> str:
        self._weights.append(self._onnx.numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def _described(self, name: str, shape: Sequence[int | str], dtype: Any) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._dtype(dtype), list(shape))

    def _dtype(self, dtype: Any) -> int:
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
