"""C and its action head as a graph. It computes what :class:`dreamgym.policies.controller.LinearController` does."""

from collections.abc import Sequence

import gymnasium as gym
import numpy as np

from dreamgym.onnx_export.graph import Graph
from dreamgym.policies.controller import LinearController
from dreamgym.policies.traced import Operation, trace

_NAMES = {
    "tanh": "Tanh",
    "exp": "Exp",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "negative": "Neg",
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "equal": "Equal",
    "greater": "Greater",
    "less": "Less",
}


def controller(c: LinearController, *, half: bool = False) -> Graph:
    """From an ``observation`` ``[z, h]`` ``(N, O)`` to the coded ``action`` ``(N, A)``, inside a Box's bounds.

    Raises:
        PolicyError: The action head computes what there is no operation for.
    """
    graph = Graph("controller", half=half)
    operations = trace(c.action_head)
    outputs = graph.affine(graph.input("observation", ("N", c.observation_size)), "controller", *c.weights_and_bias)
    code = _operated(graph, operations, outputs)
    if isinstance(space := c.codec.space, gym.spaces.Box):
        if space.dtype.kind in "iu":
            code = graph.node("Round", code)
        low, high = (graph.constant(bound.reshape(-1)) for bound in (space.low, space.high))
        code = graph.node("Min", graph.node("Max", code, low), high)
    graph.output("action", code, ("N", c.codec.size))
    return graph


def _operated(graph: Graph, operations: Sequence[Operation], outputs: str) -> str:
    """The result of the operations, ``(N, A)``. Comparisons give 0 or 1, as numbers."""
    # One zero per row: added to a constant, it gives the constant a row for each of the N.
    zero = graph.node("Mul", graph.columns(outputs, 0, 1), graph.constant(0))
    results: list[str] = []
    for operation in operations:
        inputs = [results[index] for index in operation.inputs]
        match operation.name:
            case "input":
                result = outputs
            case "constant":
                result = graph.node("Add", zero, graph.constant(operation.values))
            case "slice":
                first, last = map(int, operation.values)
                result = graph.columns(inputs[0], first, last)
            case "concatenate":
                result = graph.node("Concat", *inputs, axis=-1)
            case "argmax":
                result = graph.cast(graph.node("ArgMax", inputs[0], axis=-1, keepdims=1), np.float32)
            case "where":
                result = graph.node("Where", graph.cast(inputs[0], np.bool_), *inputs[1:])
            case "equal" | "greater" | "less" as name:
                result = graph.cast(graph.node(_NAMES[name], *inputs), np.float32)
            case name:
                result = graph.node(_NAMES[name], *inputs)
        results.append(result)
    return results[-1]
