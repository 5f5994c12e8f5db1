"""Action heads as lists of operations."""

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.actions import ActionCodec, ActionHead, default_head
from dreamgym.errors import PolicyError
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.policies.traced import BINARY, UNARY, evaluate, trace
from tests.conftest import CAR_ACTIONS


def everything(xp, outputs):
    """Every operation that there is."""
    a, b, rest = outputs[..., 0], outputs[..., 1], outputs[..., 2:]
    mixed = xp.where(a > b, xp.exp(-xp.abs(a)), xp.sqrt(b * b + 1) - 2 / (1 + abs(a)))
    best = xp.argmax(rest, axis=-1)
    chosen = xp.where(xp.expand_dims(best, -1) == xp.arange(3), rest, np.float32(0))
    bounded = xp.clip(xp.concatenate([rest, chosen], axis=-1), -0.5, np.float32(0.75))
    pair = xp.stack([mixed, xp.minimum(a, b) * (a < 0)], axis=-1)
    return xp.concatenate([bounded, xp.maximum(pair, np.array([-1, 0.5], np.float32)), np.tanh(rest) / 2], axis=-1)


HEADS = {
    **CAR_RACING.action_heads,
    "discrete": default_head(ActionCodec(gym.spaces.Discrete(4))),
    "box": default_head(ActionCodec(CAR_ACTIONS)),
    "everything": ActionHead(5, everything),
    "as they are": ActionHead(2, lambda xp, outputs: outputs),
    "the first": ActionHead(3, lambda xp, outputs: (outputs, outputs[..., :2])[1]),
}


@pytest.mark.parametrize("name", HEADS)
def test_operations_give_the_codes_of_the_head(name):
    head = HEADS[name]
    operations = trace(head)
    outputs = np.random.default_rng(1).normal(size=(50, head.n_outputs)).astype(np.float32)
    np.testing.assert_allclose(evaluate(operations, outputs), head.function(np, outputs), atol=1e-6)
    np.testing.assert_allclose(evaluate(operations, outputs[0]), head.function(np, outputs[0]), atol=1e-6)


def test_the_test_leaves_no_operation_out():
    used = {operation.name for operation in trace(HEADS["everything"])}
    assert used == {*UNARY, *BINARY, "input", "constant", "slice", "concatenate", "argmax", "where"}


calls = iter(range(1000))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda xp, outputs: xp.cumsum(outputs), "there is no operation for xp.cumsum; there are abs"),
        (lambda xp, outputs: outputs if outputs[..., 0] > 0 else -outputs, "it decides by a number; use xp.where"),
        (lambda xp, outputs: outputs[..., ::2], "in steps of 2"),
        (lambda xp, outputs: outputs[0, 1], "take outputs"),
        (lambda xp, outputs: xp.stack(list(outputs), axis=-1), "it iterates over its outputs"),
        (lambda xp, outputs: np.cumsum(outputs), "it must compute with its argument xp alone"),
        (lambda xp, outputs: outputs @ np.eye(2, dtype=np.float32), "there is no operation for xp.matmul"),
        (lambda xp, outputs: np.add.reduce(outputs), "there is no operation for np.add.reduce"),
        (lambda xp, outputs: outputs * np.ones(3, np.float32), "meets values of [2, 3] numbers"),
        (lambda xp, outputs: outputs * np.float32(next(calls)), "its operations give other codes than itself"),
    ],
)
def test_what_has_no_operation_is_refused(function, said):
    with pytest.raises(PolicyError) as refused:
        trace(ActionHead(2, function))
    assert "cannot be exported" in str(refused.value)
    assert said in str(refused.value)
