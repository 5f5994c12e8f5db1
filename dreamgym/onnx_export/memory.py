"""M's step as a graph. It computes what :mod:`dreamgym.models.dynamics` computes."""

from dataclasses import dataclass

import numpy as np

from dreamgym.models.dynamics import LATENT_BOUND, LOG_SIGMA_BOUNDS
from dreamgym.onnx_export.graph import Graph
from dreamgym.world_model import WorldModel

_SMALLEST_WEIGHT = 1e-30  # adds nothing to an entropy, and has a finite logarithm


def step(world_model: WorldModel, *, half: bool = False) -> Graph:
    """One step of N dreams.

    Inputs: ``z`` ``(N, Z)``, a coded ``action`` ``(N, A)``, M's state ``h`` and ``c`` ``(N, H)``, the noise ``uniform``
    in [0, 1) and ``normal`` ``(N, Z)``, and ``temperature`` ``(1,)``.

    Outputs: ``next_z``, ``next_h`` and ``next_c``; ``target``, ``reward`` (``price * target + step_cost``) and
    ``done_logit`` ``(N,)``, above 0 where a dream ends; ``weights`` ``(N, K, Z)`` of the mixtures at the temperature,
    and their mean ``entropy`` ``(N,)`` in nats.
    """
    graph, memory = Graph("step", half=half), world_model.memory
    n_latents, n_hidden, k = world_model.latent_size, world_model.hidden_size, world_model.n_mixtures
    z, action = graph.input("z", ("N", n_latents)), graph.input("action", ("N", world_model.codec.size))
    h, c = graph.input("h", ("N", n_hidden)), graph.input("c", ("N", n_hidden))
    uniform, normal = graph.input("uniform", ("N", n_latents)), graph.input("normal", ("N", n_latents))
    temperature = graph.input("temperature", (1,))

    inputs = graph.node("Concat", z, action, h, axis=-1)
    gates = graph.affine(inputs, "lstm", np.concatenate([memory.kernel, memory.recurrent_kernel]), memory.bias)
    into, forget, candidate, output = (graph.columns(gates, i * n_hidden, (i + 1) * n_hidden) for i in range(4))
    kept = graph.node("Mul", graph.node("Sigmoid", forget), c)
    admitted = graph.node("Mul", graph.node("Sigmoid", into), graph.node("Tanh", candidate))
    next_c = graph.node("Add", kept, admitted)
    next_h = graph.node("Mul", graph.node("Sigmoid", output), graph.node("Tanh", next_c))

    heads = graph.affine(next_h, "head", memory.head_kernel, memory.head_bias)
    mixtures = _Mixtures(graph, heads, n_latents, k)
    weights = mixtures.weights(temperature)
    sigma = graph.node("Exp", _clip(graph, mixtures.selected(2, weights, uniform), *LOG_SIGMA_BOUNDS))
    noise = graph.node("Mul", graph.node("Mul", sigma, graph.node("Sqrt", temperature)), normal)
    next_z = graph.node("Add", mixtures.selected(1, weights, uniform), noise)

    graph.output("next_z", _clip(graph, next_z, -LATENT_BOUND, LATENT_BOUND), ("N", n_latents))
    graph.output("next_h", next_h, ("N", n_hidden))
    graph.output("next_c", next_c, ("N", n_hidden))
    target, done_logit = (
        graph.reshaped(graph.columns(heads, 3 * k * n_latents + i, 3 * k * n_latents + i + 1), (-1,)) for i in range(2)
    )
    paid = graph.node("Mul", target, graph.constant(world_model.task.price))
    graph.output("target", target, ("N",))
    graph.output("reward", graph.node("Add", paid, graph.constant(world_model.step_cost)), ("N",))
    graph.output("done_logit", done_logit, ("N",))
    graph.output("weights", weights, ("N", k, n_latents))
    graph.output("entropy", mixtures.entropy(weights), ("N",))
    return graph


@dataclass(frozen=True)
class _Mixtures:
    """M's mixtures in a graph."""

    graph: Graph
    heads: str  # (N, 3KZ + 2)
    n_latents: int
    k: int

    def weights(self, temperature: str) -> str:
        """The weights at a temperature, ``(N, K, Z)``."""
        size = self.k * self.n_latents
        logits = self.graph.reshaped(self.graph.columns(self.heads, 0, size), (0, self.k, self.n_latents))
        return self.graph.node("Softmax", self.graph.node("Div", logits, temperature), axis=1)

    def selected(self, kind: int, weights: str, uniform: str) -> str:
        """The mean (1) or the log sigma (2) of the mixture that each dimension selects, ``(N, Z)``."""
        graph, result = self.graph, self._part(kind, 0)
        cumulative = self._weight(weights, 0)
        for mixture in range(1, self.k):
            beyond = graph.node("GreaterOrEqual", uniform, cumulative)
            result = graph.node("Where", beyond, self._part(kind, mixture), result)
            cumulative = graph.node("Add", cumulative, self._weight(weights, mixture))
        return result

    def entropy(self, weights: str) -> str:
        """The mean over the dimensions of the weights' entropy in nats, ``(N,)``."""
        graph = self.graph
        logarithm = graph.node("Log", graph.node("Max", weights, graph.constant(_SMALLEST_WEIGHT)))
        sums = graph.node("ReduceSum", graph.node("Mul", weights, logarithm), graph.constant([1], np.int64), keepdims=0)
        return graph.node("Neg", graph.node("ReduceMean", sums, axes=[1], keepdims=0))

    def _part(self, kind: int, mixture: int) -> str:
        first = (kind * self.k + mixture) * self.n_latents
        return self.graph.columns(self.heads, first, first + self.n_latents)

    def _weight(self, weights: str, mixture: int) -> str:
        return self.graph.node("Gather", weights, self.graph.constant(mixture, np.int64), axis=1)


def _clip(graph: Graph, value: str, low: float, high: float) -> str:
    return graph.node("Clip", value, graph.constant(low), graph.constant(high))
