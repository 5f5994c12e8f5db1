"""CarRacing's task: its target, rewards, action heads and reset options."""

import numpy as np
import pytest

from dreamgym.actions import ActionCodec
from dreamgym.errors import TaskError
from dreamgym.games.car_racing.task import (
    CAR_RACING,
    steer_calmly,
    steer_gas_brake,
    steer_gently,
    steer_onwards,
    steer_onwards_calmly,
    steer_onwards_mildly,
    steer_pedal,
    steer_steadily,
    tiles_touched,
)
from tests.conftest import CAR_ACTIONS


def test_heads_are_named():
    codec = ActionCodec(CAR_ACTIONS)
    assert CAR_RACING.head(codec) is CAR_RACING.head(codec, "steer_steadily")
    assert CAR_RACING.head(codec, "steer_gas_brake").n_outputs == 3
    with pytest.raises(TaskError, match=r"no action head 'tiller'; it has \['steer_steadily', .*'steer_gas_brake'\]"):
        CAR_RACING.head(codec, "tiller")


def test_steer_pedal_by_hand():
    codes = steer_pedal(np, np.float32([[0, 0], [20, 20], [-20, -20], [1, -1]]))
    expected = [[0, 0, 0], [1, 1, 0], [-1, 0, 0.8], [np.tanh(1), 0, 0.8 * np.tanh(1)]]
    np.testing.assert_allclose(codes, expected, rtol=1e-6)


def test_steer_gas_brake_by_hand():
    codes = steer_gas_brake(np, np.float32([[0, 0, 0], [20, 20, 20], [-20, -20, -20], [1, 1, 1]]))
    t = np.tanh(1)
    np.testing.assert_allclose(codes, [[0, 0.5, 0], [1, 1, 1], [-1, 0, 0], [t, (t + 1) / 2, t]], rtol=1e-6)


@pytest.mark.parametrize(("head", "gas"), [(steer_steadily, 0.25), (steer_calmly, 0.12), (steer_gently, 0.4)])
def test_gentle_heads_limit_the_pedal(head, gas):
    outputs = np.random.default_rng(0).normal(0, 3, (50, 2)).astype(np.float32)
    gentle, full = head(np, outputs), steer_pedal(np, outputs)
    np.testing.assert_array_equal(gentle[:, 0], full[:, 0])
    assert 0.9 * gas < gentle[:, 1].max() <= np.float32(gas)
    assert gentle[:, 2].max() <= np.float32(0.4) < full[:, 2].max()
    assert gentle.dtype == np.float32


@pytest.mark.parametrize(
    ("head", "gas"), [(steer_onwards, 0.25), (steer_onwards_mildly, 0.18), (steer_onwards_calmly, 0.12)]
)
def test_a_car_that_is_driven_onwards_never_stands(head, gas):
    codes = head(np, np.float32([[1, -9], [0, 0], [-1, 9]]))
    expected = [[np.tanh(1), 0.06, 0.1], [0, 0.06, 0], [-np.tanh(1), gas, 0]]
    np.testing.assert_allclose(codes, expected, rtol=1e-6)
    env = CAR_RACING.make_env("fast", blind=True)
    env.reset(seed=0)
    for _ in range(100):
        env.step(codes[0])
    assert env.unwrapped.car.hull.linearVelocity.length > 1
    env.close()


@pytest.mark.parametrize("function", [steer_pedal, steer_gas_brake, steer_onwards])
def test_car_heads_are_the_same_in_tensorflow(function):
    import tensorflow.experimental.numpy as tnp

    n_outputs = 3 if function is steer_gas_brake else 2
    outputs = np.random.default_rng(0).standard_normal((4, 7, n_outputs)).astype(np.float32)
    result = function(tnp, tnp.asarray(outputs)).numpy()
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, function(np, outputs), atol=1e-6)
    codec = ActionCodec(CAR_ACTIONS)
    np.testing.assert_array_equal(codec.encode_batch(result.reshape(-1, 3)), result.reshape(-1, 3))


def test_tiles_add_up_to_the_games_own_count():
    """The stock env, its own counter: every step of a drive that touches tiles, then leaves the field."""
    env = CAR_RACING.make_env("stock")
    env.reset(seed=3)
    game, total, rewards = env.unwrapped, 0.0, 0.0
    for step in range(130):
        _, reward, terminated, _, _ = env.step(np.float32([0, 0.3 if step < 60 else 0.05, 0]))
        total += tiles_touched(env, reward, terminated)
        rewards += reward
        assert total == game.tile_visited_count
    assert total > 5
    n_tiles = len(game.track)
    assert rewards == pytest.approx(total * 1000 / n_tiles - 0.1 * 130)
    game.car.hull.position = (10_000, 0)
    _, reward, terminated, _, _ = env.step(np.zeros(3, np.float32))
    assert (terminated, reward) == (True, -100)
    assert tiles_touched(env, reward, terminated) == 0
    env.close()


def test_a_dreams_reward_per_tile_is_about_the_games():
    assert CAR_RACING.price == pytest.approx(3.46, abs=0.01)
    assert CAR_RACING.step_cost == -0.1


def test_the_start_options_suit_the_fast_env_and_spread_the_starts():
    env = CAR_RACING.make_env("fast")
    env.reset(seed=0)
    line = env.unwrapped.car.hull.position
    line = (line.x, line.y)
    places = set()
    for seed in range(3):
        observation, _ = env.reset(seed=seed, options=dict(CAR_RACING.start_options))
        assert CAR_RACING.frame(observation).shape == (64, 64, 3)
        place = env.unwrapped.car.hull.position
        places.add((round(place.x), round(place.y)))
    assert len(places) == 3
    env.reset(seed=0)
    place = env.unwrapped.car.hull.position
    assert (place.x, place.y) == line, "without options a game begins where it always does"
    env.close()
