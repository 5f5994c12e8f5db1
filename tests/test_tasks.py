"""Whether tasks are found, see the right pixels and count what they say they count."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

import dreamgym
from dreamgym.actions import ActionCodec
from dreamgym.errors import TaskError
from dreamgym.tasks import (
    CAR_RACING,
    Task,
    get_task,
    register_task,
    steer_and_pedal,
    steer_calmly,
    steer_gas_brake,
    steer_gently,
    tiles_touched,
)
from tests.conftest import CAR_ACTIONS
from tests.tiny_game import TINY_TASK


def test_tasks_are_found_by_name_and_by_import_path():
    assert get_task("car_racing") is CAR_RACING is dreamgym.CAR_RACING
    assert get_task("tests.tiny_game:TINY_TASK") is TINY_TASK is get_task("tiny_game")


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(TaskError, match=r"'car_raceing' is not registered; did you mean 'car_racing'\?"):
        get_task("car_raceing")
    with pytest.raises(TaskError, match=r"registered: \[.*'car_racing'.*package.module:TASK"):
        get_task("xxxxxx")


@pytest.mark.parametrize(
    "path", ["no_such_module:TASK", "tests.tiny_game:NO_TASK", ":TASK", "tests.tiny_game:", ".relative:TASK"]
)
def test_a_path_to_nothing_is_refused(path):
    with pytest.raises(TaskError, match="cannot import the task"):
        get_task(path)


def test_a_path_to_something_else_is_refused():
    with pytest.raises(TaskError, match=r"is a int, expected a dreamgym\.Task"):
        get_task("tests.tiny_game:WIDTH")


def test_a_name_is_taken_once():
    assert register_task(replace(TINY_TASK)) is TINY_TASK, "the same task again is no other task"
    with pytest.raises(TaskError, match="different task named 'tiny_game'"):
        register_task(replace(TINY_TASK, horizon=21))
    assert get_task("tiny_game").horizon == 20


@pytest.mark.parametrize("changes", [{"name": "a:b"}, {"name": ""}, {"horizon": 0}, {"latent_size": 0}])
def test_impossible_tasks_are_refused(changes):
    with pytest.raises(TaskError, match=r"expected 1 or more|cannot be named"):
        replace(TINY_TASK, **changes)


def test_the_real_game_is_truncated_at_the_horizon(tiny_task):
    env = tiny_task.make_env("stock", render_mode="rgb_array")
    env.reset(seed=0)
    steps = 1
    while not any(env.step(1)[2:4]):
        steps += 1
    assert steps == tiny_task.horizon
    assert env.render().shape == (32, 36, 3)
    env.close()


def test_the_renderer_chooses_the_env(tiny_task):
    task = replace(tiny_task, name="two_ids", env_id="CartPole-v1", fast_env_id=tiny_task.env_id)
    assert task.make_env("fast").spec.id == tiny_task.env_id
    with pytest.raises(TaskError):
        task.make_env("stock")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"env_id": "NoSuchGame-v0"}, "cannot make the env 'NoSuchGame-v0'"),
        ({"env_id": "no_such_module:Game-v0"}, "cannot make the env"),
        ({"env_kwargs": {"levle": 3}}, "cannot make the env .*levle"),
        ({"frame_key": "scren"}, "has no key 'scren'"),
        ({"frame_key": "place"}, "expected a uint8 image"),
        ({"frame_key": None}, r"is a Dict; set frame_key to one of \['screen', 'place'\]"),
        ({"env_id": "CartPole-v1"}, "has no key 'screen'"),
        ({"env_id": "CartPole-v1", "frame_key": None}, r"expected a uint8 image of shape \(h, w, 3\), got Box"),
    ],
)
def test_a_task_that_does_not_fit_its_game_says_why(changes, match):
    with pytest.raises(TaskError, match=rf"task 'other': .*{match}"):
        replace(TINY_TASK, name="other", **changes).make_env()


def test_the_indicator_bar_is_cut_off_and_the_rest_averaged():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
    frame = CAR_RACING.frame(image)
    assert frame.shape == (64, 64, 3)
    assert frame.dtype == np.uint8
    other = image.copy()
    other[84:] = 255 - other[84:]
    np.testing.assert_array_equal(CAR_RACING.frame(other), frame)
    other[83] = 255 - other[83]
    assert (CAR_RACING.frame(other) != frame).any()
    assert abs(frame.mean() - image[:84].mean()) < 1, "all of the picture counts"
    assert frame.std() < 0.8 * image.std(), "averaged, not picked"


def test_a_frame_of_the_right_size_is_copied_as_it_is():
    task = Task(name="plain", env_id="x")
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    frame = task.frame(image)
    np.testing.assert_array_equal(frame, image)
    assert not np.shares_memory(frame, image)


def test_a_small_picture_keeps_its_pixels_and_its_key(tiny_task):
    screen = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    frame = tiny_task.frame({"screen": screen, "place": 3})
    np.testing.assert_array_equal(frame, screen.repeat(2, axis=0).repeat(2, axis=1))


def test_blind_players_leave_the_drawing_to_the_fast_env():
    with pytest.raises(TaskError, match="blind_kwargs"):
        replace(CAR_RACING, fast_env_id=None)
    for renderer, drawn in (("fast", False), ("stock", True)):
        env = CAR_RACING.make_env(renderer, blind=True)
        assert env.reset(seed=0)[0].any() == drawn
        env.close()


def test_heads_are_named():
    codec = ActionCodec(CAR_ACTIONS)
    assert CAR_RACING.head(codec) is CAR_RACING.head(codec, "steer_calmly")
    assert CAR_RACING.head(codec, "steer_gas_brake").n_outputs == 3
    assert TINY_TASK.head(ActionCodec(gym.spaces.Discrete(3)), "default").n_outputs == 3
    names = r"\['steer_calmly', 'steer_gently', 'steer_pedal', 'steer_gas_brake'\]"
    with pytest.raises(TaskError, match=rf"no action head 'tiller'; it has {names}"):
        CAR_RACING.head(codec, "tiller")
    with pytest.raises(TaskError, match="only 'default'"):
        TINY_TASK.head(ActionCodec(gym.spaces.Discrete(3)), "tiller")


def test_steer_and_pedal_by_hand():
    codes = steer_and_pedal(np, np.float32([[0, 0], [20, 20], [-20, -20], [1, -1]]))
    expected = [[0, 0, 0], [1, 1, 0], [-1, 0, 0.8], [np.tanh(1), 0, 0.8 * np.tanh(1)]]
    np.testing.assert_allclose(codes, expected, rtol=1e-6)


def test_steer_gas_brake_by_hand():
    codes = steer_gas_brake(np, np.float32([[0, 0, 0], [20, 20, 20], [-20, -20, -20], [1, 1, 1]]))
    t = np.tanh(1)
    np.testing.assert_allclose(codes, [[0, 0.5, 0], [1, 1, 1], [-1, 0, 0], [t, (t + 1) / 2, t]], rtol=1e-6)


@pytest.mark.parametrize("function", [steer_and_pedal, steer_gas_brake])
def test_car_heads_are_the_same_in_tensorflow(function):
    import tensorflow.experimental.numpy as tnp

    n_outputs = 2 if function is steer_and_pedal else 3
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


def test_a_dream_pays_for_tiles_about_what_the_game_does():
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


@pytest.mark.parametrize(("head", "gas"), [(steer_calmly, 0.12), (steer_gently, 0.4)])
def test_a_gentle_pedal_is_the_pedal_with_a_stop_under_it(head, gas):
    outputs = np.random.default_rng(0).normal(0, 3, (50, 2)).astype(np.float32)
    gentle, full = head(np, outputs), steer_and_pedal(np, outputs)
    np.testing.assert_array_equal(gentle[:, 0], full[:, 0])
    assert 0.9 * gas < gentle[:, 1].max() <= np.float32(gas)
    assert gentle[:, 2].max() <= np.float32(0.4) < full[:, 2].max()
    assert gentle.dtype == np.float32
