"""Whether actions survive the way to M and back, and bad ones are told what is wrong."""

import json

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, strategies as st

from dreamgym.actions import ActionCodec, default_head
from dreamgym.errors import ActionError, TaskError
from tests.conftest import CAR_ACTIONS

SPACES = [
    CAR_ACTIONS,
    gym.spaces.Box(-2, 3, (2, 2), np.float32),
    gym.spaces.Box(-1, 0.1, (3,), np.float64),
    gym.spaces.Box(0, 255, (2,), np.uint8),
    gym.spaces.Box(-4, 4, (), np.float32),
    gym.spaces.Discrete(4),
    gym.spaces.Discrete(3, start=-5),
]


def equal(a, b):
    return np.array_equal(a, b) and np.asarray(a).dtype == np.asarray(b).dtype


@pytest.fixture(params=SPACES, ids=str)
def codec(request):
    request.param.seed(0)
    return ActionCodec(request.param)


def test_actions_come_back(codec):
    for _ in range(20):
        action = codec.space.sample()
        code = codec.encode(action)
        assert code.shape == (codec.size,)
        assert code.dtype == np.float32
        back = codec.decode(code)
        assert codec.space.contains(back)
        np.testing.assert_allclose(back, action, rtol=1e-6)


def test_a_batch_is_coded_as_its_actions_are(codec):
    actions = [codec.space.sample() for _ in range(5)]
    batch = codec.encode_batch(np.stack(actions))
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, np.stack([codec.encode(action) for action in actions]))


def test_a_code_is_a_new_array(codec):
    action = codec.space.sample()
    original = np.copy(action)
    codec.encode(action)[:] = 7
    np.testing.assert_array_equal(action, original)


def test_a_space_survives_json(codec):
    back = ActionCodec.from_json(json.loads(json.dumps(codec.to_json())))
    assert back.space == codec.space
    assert back == codec


def test_any_code_becomes_an_action(codec):
    for scale in (0.3, 30):
        code = (np.random.default_rng(0).standard_normal(codec.size) * scale).astype(np.float32)
        assert codec.space.contains(codec.decode(code))


def test_whole_numbers_are_rounded_to():
    codec = ActionCodec(gym.spaces.Box(0, 255, (3,), np.uint8))
    np.testing.assert_array_equal(codec.decode(np.array([1.9, -3, 300], np.float32)), [2, 0, 255])


def test_an_overshoot_is_clipped():
    codec = ActionCodec(CAR_ACTIONS)
    np.testing.assert_array_equal(codec.encode([1.5, -0.1, 2]), [1, 0, 1])
    np.testing.assert_array_equal(codec.encode([-np.inf, np.inf, 0.5]), [-1, 1, 0.5])
    np.testing.assert_array_equal(codec.encode_batch([[1.5, -0.1, 2]]), [[1, 0, 1]])
    np.testing.assert_array_equal(codec.decode(np.array([-9, np.inf, 0.5], np.float32)), np.float32([-1, 1, 0.5]))


def test_bounds_of_other_kinds_of_numbers_are_met_too():
    fine = ActionCodec(gym.spaces.Box(-1, 0.1, (2,), np.float64))
    np.testing.assert_array_equal(fine.encode([5, 0.05]), np.float32([0.1, 0.05]))
    whole = ActionCodec(gym.spaces.Box(-(2**31), 2**31 - 1, (2,), np.int32))
    np.testing.assert_array_equal(whole.encode([-1e30, 1e30]), np.float32([-(2**31), 2**31 - 1]))


@pytest.mark.parametrize(
    ("action", "match"),
    [
        ([0, np.nan, 0], "NaN"),
        ([np.inf, np.nan, -np.inf], "NaN"),
        ([0, 0], r"shape \(.*2,?\), expected"),
        (0.5, r"shape \(.*\), expected"),
        ([[0, 0, 0]], r"shape \(1, .*3\), expected"),
        ("left", "not numeric"),
        ([0, [1], 2], "not numeric"),
        (None, "shape|not numeric|NaN"),
    ],
)
def test_a_bad_box_action_is_told_why(action, match):
    codec = ActionCodec(CAR_ACTIONS)
    with pytest.raises(ActionError, match=match):
        codec.encode(action)
    with pytest.raises(ActionError, match=match):
        codec.encode_batch([action])


@pytest.mark.parametrize("action", [-1, 3, 1.0, 1.5, np.nan, True, "left", None, [0, 1], [[0]]])
def test_a_bad_discrete_action_is_told_why(action):
    codec = ActionCodec(gym.spaces.Discrete(3))
    with pytest.raises(ActionError, match=r"is not in Discrete\(3\)"):
        codec.encode(action)


@pytest.mark.parametrize("actions", [[0, 3], 1, [[0, 1]], np.zeros((2, 1, 1), int), np.array([0.5])])
def test_a_bad_discrete_batch_is_told_why(actions):
    with pytest.raises(ActionError, match=r"Discrete\(3\)"):
        ActionCodec(gym.spaces.Discrete(3)).encode_batch(actions)


@pytest.mark.parametrize("action", [2, np.int64(2), np.array(2), np.array([2]), np.uint8(2)])
def test_a_discrete_action_may_be_any_kind_of_whole_number(action):
    np.testing.assert_array_equal(ActionCodec(gym.spaces.Discrete(3)).encode(action), [0, 0, 1])


def test_a_nan_code_is_refused():
    with pytest.raises(ActionError, match="policy that made it is broken"):
        ActionCodec(CAR_ACTIONS).decode(np.array([0, 0, np.nan], np.float32))


@pytest.mark.parametrize(
    ("space", "match"),
    [
        (gym.spaces.Box(-np.inf, np.inf, (2,)), "unbounded"),
        (gym.spaces.MultiBinary(3), "not supported; expected a Box or a Discrete"),
    ],
)
def test_other_spaces_are_refused(space, match):
    with pytest.raises(TaskError, match=match):
        ActionCodec(space)


@pytest.mark.parametrize(
    "data",
    [
        {},
        None,
        {"type": "Dict"},
        {"type": "Discrete"},
        {"type": "Discrete", "n": 0, "start": 0},
        {"type": "Box", "low": [0], "high": [1, 2], "dtype": "float32"},
        {"type": "Box", "low": 0, "high": 1, "dtype": "?!"},
    ],
)
def test_json_of_no_space_is_refused(data):
    with pytest.raises(TaskError, match="action space"):
        ActionCodec.from_json(data)


def test_the_default_head_of_a_box_reaches_its_bounds_and_its_middle():
    codec = ActionCodec(CAR_ACTIONS)
    head = default_head(codec)
    assert head.n_outputs == 3
    codes = head.function(np, np.float32([[-20] * 3, [0] * 3, [20] * 3]))
    np.testing.assert_array_equal(codes, np.float32([[-1, 0, 0], [0, 0.5, 0.5], [1, 1, 1]]))


@given(st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3))
def test_the_default_head_of_a_discrete_space_picks_the_first_of_the_largest(outputs):
    head = default_head(ActionCodec(gym.spaces.Discrete(3)))
    code = head.function(np, np.float32([outputs]))[0]
    assert code.dtype == np.float32
    assert code.sum() == 1
    assert int(code.argmax()) == outputs.index(max(outputs))


def test_default_heads_are_the_same_in_tensorflow():
    import tensorflow.experimental.numpy as tnp

    outputs = np.random.default_rng(0).standard_normal((4, 7, 3)).astype(np.float32)
    for space in (CAR_ACTIONS, gym.spaces.Discrete(3)):
        head = default_head(ActionCodec(space))
        result = head.function(tnp, tnp.asarray(outputs)).numpy()
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, head.function(np, outputs), atol=1e-6)
