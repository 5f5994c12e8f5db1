"""An action head as a list of operations, for programs that cannot call its Python function: ONNX graphs and web pages.

The head is called once with a namespace that notes what it computes. Every value is one axis of numbers; a value of
length 1 broadcasts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from dreamgym.actions import ActionHead
from dreamgym.errors import PolicyError, describe

UNARY: dict[str, Callable[..., Any]] = {
    "tanh": np.tanh,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "negative": np.negative,
}
BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "equal": np.equal,
    "greater": np.greater,
    "less": np.less,
}
_OTHERS = ("where", "argmax", "stack", "concatenate", "expand_dims", "arange", "clip")
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Operation:
    """One operation. Its result has the number of its place in the list.

    Attributes:
        name: ``input``, ``constant``, ``slice``, ``concatenate``, ``argmax``, ``where``, or one of :data:`UNARY` and
            :data:`BINARY`.
        inputs: The numbers of the results that it reads.
        values: The numbers of a ``constant``, or the bounds of a ``slice``.
    """

    name: str
    inputs: tuple[int, ...] = ()
    values: tuple[float, ...] = ()


def trace(head: ActionHead) -> list[Operation]:
    """The operations that turn the outputs ``(n_outputs,)``, result 0, into a code ``(A,)``, the last result.

    Raises:
        PolicyError: The head computes what there is no operation for.
    """
    operations = [Operation("input")]
    namespace = _Namespace(operations)
    outputs = _Traced(operations, 0, head.n_outputs, vector=True)
    name = getattr(head.function, "__name__", "head")
    try:
        code = namespace.traced(head.function(namespace, outputs))
    except PolicyError as error:
        raise PolicyError(f"action head {name!r} cannot be exported: {error}") from error
    except Exception as error:  # whatever NumPy's functions raise for an object that they do not know
        raise PolicyError(
            f"action head {name!r} cannot be exported: {describe(error)}; it must compute with its argument xp alone"
        ) from error
    if code.index != len(operations) - 1:
        operations.append(Operation("slice", (code.index,), (0, code.size)))
    _check(operations, head, name)
    return operations


def evaluate(operations: Sequence[Operation], outputs: np.ndarray) -> np.ndarray:
    """The code of outputs, computed by the operations in NumPy; float32 ``(..., A)`` of ``(..., n_outputs)``."""
    results: list[Any] = []
    for operation in operations:
        inputs = [results[index] for index in operation.inputs]
        match operation.name:
            case "input":
                result: Any = outputs
            case "constant":
                result = np.array(operation.values, np.float32)
            case "slice":
                first, last = map(int, operation.values)
                result = inputs[0][..., first:last]
            case "concatenate":
                result = np.concatenate(inputs, axis=-1)
            case "argmax":
                result = np.argmax(inputs[0], axis=-1, keepdims=True)
            case "where":
                result = np.where(*inputs)
            case name:
                result = (UNARY | BINARY)[name](*inputs)
        results.append(result)
    return np.asarray(results[-1], np.float32)


def _check(operations: Sequence[Operation], head: ActionHead, name: str) -> None:
    outputs = np.random.default_rng(0).normal(size=(64, head.n_outputs)).astype(np.float32) * 2
    found, expected = evaluate(operations, outputs), np.asarray(head.function(np, outputs))
    if found.shape != expected.shape or not np.allclose(found, expected, atol=_TOLERANCE):
        raise PolicyError(
            f"action head {name!r} cannot be exported: its operations give other codes than itself; "
            "it must not decide by the numbers of one call"
        )


class _Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """A number or a vector that a head computes with. It notes every operation on it, NumPy's functions included."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, operations: list[Operation], index: int, size: int, *, vector: bool):
        self.operations, self.index, self.size, self.vector = operations, index, size, vector

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size,) if self.vector else ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> "_Traced":
        if method != "__call__" or options:
            raise PolicyError(f"there is no operation for np.{ufunc.__name__}.{method} with {sorted(options)}")
        function = getattr(_Namespace(self.operations), ufunc.__name__.replace("absolute", "abs"))
        return cast(_Traced, function(*inputs))

    def __bool__(self) -> bool:
        raise PolicyError("it decides by a number; use xp.where")

    def __iter__(self) -> Any:
        raise PolicyError("it iterates over its outputs; take outputs[..., i]")

    def __getitem__(self, key: Any) -> "_Traced":
        chosen = key[-1] if isinstance(key, tuple) and key and key[:-1] in ((), (Ellipsis,)) else key
        if not self.vector or not isinstance(chosen, int | slice):
            raise PolicyError(f"it takes outputs[{key!r}]; take outputs[..., i] or outputs[..., i:j]")
        places = range(self.size)[chosen]
        if isinstance(places, int):
            return self._slice(places, places + 1, vector=False)
        if places.step != 1:
            raise PolicyError(f"it takes outputs in steps of {places.step}; take outputs[..., i:j]")
        return self._slice(places.start, places.stop, vector=True)

    def _slice(self, first: int, last: int, *, vector: bool) -> "_Traced":
        self.operations.append(Operation("slice", (self.index,), (first, last)))
        return _Traced(self.operations, len(self.operations) - 1, last - first, vector=vector)


class _Namespace:
    """The array namespace of a head that is traced."""

    float32 = np.float32

    def __init__(self, operations: list[Operation]):
        self._operations = operations

    def __getattr__(self, name: str) -> Any:
        if name in UNARY or name in BINARY:
            return lambda *inputs: self.apply(name, *inputs)
        known = ", ".join(sorted({*UNARY, *BINARY, *_OTHERS}))
        raise PolicyError(f"there is no operation for xp.{name}; there are {known}")

    def traced(self, value: Any) -> _Traced:
        """A value of any kind; a number or an array becomes a constant."""
        if isinstance(value, _Traced):
            return value
        numbers = np.asarray(value, np.float32)
        if numbers.ndim > 1:
            raise PolicyError(f"it computes with an array of shape {numbers.shape}; one axis at most")
        self._operations.append(Operation("constant", (), tuple(numbers.reshape(-1).tolist())))
        return _Traced(self._operations, len(self._operations) - 1, numbers.size, vector=numbers.ndim == 1)

    def apply(self, name: str, *inputs: Any) -> _Traced:
        """An operation by number, whose inputs broadcast."""
        parts = [self.traced(value) for value in inputs]
        size = max(part.size for part in parts)
        if any(part.size not in (1, size) for part in parts):
            raise PolicyError(f"xp.{name} meets values of {[part.size for part in parts]} numbers")
        return self._noted(name, parts, size, vector=any(part.vector for part in parts))

    def where(self, condition: Any, chosen: Any, other: Any) -> _Traced:
        return self.apply("where", condition, chosen, other)

    def clip(self, value: Any, low: Any, high: Any) -> _Traced:
        return self.apply("minimum", self.apply("maximum", value, low), high)

    def argmax(self, value: Any, axis: int = -1) -> _Traced:
        return self._noted("argmax", [self._vector(value, "argmax", axis)], 1, vector=False)

    def stack(self, values: Sequence[Any], axis: int = 0) -> _Traced:
        parts = [self.traced(value) for value in values]
        if axis != -1 or any(part.vector for part in parts):
            raise PolicyError("xp.stack is for numbers, with axis=-1")
        return self._noted("concatenate", parts, len(parts), vector=True)

    def concatenate(self, values: Sequence[Any], axis: int = 0) -> _Traced:
        parts = [self._vector(value, "concatenate", axis) for value in values]
        return self._noted("concatenate", parts, sum(part.size for part in parts), vector=True)

    def expand_dims(self, value: Any, axis: int) -> _Traced:
        part = self.traced(value)
        if axis != -1 or part.vector:
            raise PolicyError("xp.expand_dims is for numbers, with axis=-1")
        return _Traced(self._operations, part.index, 1, vector=True)

    def arange(self, size: int) -> np.ndarray:
        return np.arange(size, dtype=np.float32)

    def _vector(self, value: Any, name: str, axis: int) -> _Traced:
        part = self.traced(value)
        if axis != -1 or not part.vector:
            raise PolicyError(f"xp.{name} is for vectors, with axis=-1")
        return part

    def _noted(self, name: str, parts: Sequence[_Traced], size: int, *, vector: bool) -> _Traced:
        self._operations.append(Operation(name, tuple(part.index for part in parts)))
        return _Traced(self._operations, len(self._operations) - 1, size, vector=vector)
