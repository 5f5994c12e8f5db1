"""TakeCover-v0 is ViZDoom's game, and an honest citizen of Gymnasium and of this machine."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import vizdoom
from gymnasium.utils.env_checker import check_env

from dreamgym.games.take_cover import HORIZON
from dreamgym.games.take_cover.env import TakeCover, _end_idle, _idle
from dreamgym.games.take_cover.task import TAKE_COVER, left_stay_right
from dreamgym.play.check_task import check_task


@pytest.fixture
def env():
    env = gym.make("TakeCover-v0")
    yield env
    env.close()


def test_gymnasiums_checker_is_content():
    env = gym.make("TakeCover-v0", render_mode="rgb_array")
    check_env(env.unwrapped)
    env.close()


def test_it_is_vizdooms_own_game(env):
    stock = vizdoom.DoomGame()
    stock.load_config(str(Path(vizdoom.scenarios_path) / "take_cover.cfg"))
    stock.set_screen_format(vizdoom.ScreenFormat.RGB24)
    stock.set_window_visible(False)
    stock.set_doom_skill(4)
    for seed in (5, 6):
        observation, _ = env.reset(seed=seed)
        stock.set_seed(int(np.random.Generator(np.random.PCG64(seed)).integers(2**32, dtype=np.uint32)))
        stock.new_episode() if stock.is_running() else stock.init()
        rng, over = np.random.default_rng(seed), False
        while not over:
            np.testing.assert_array_equal(observation, stock.get_state().screen_buffer)
            action = int(rng.integers(3))
            observation, reward, terminated, truncated, _ = env.step(action)
            assert reward == stock.make_action([[0, 0], [0, 1], [1, 0]][action])
            over = terminated
            assert (terminated, truncated) == (stock.is_episode_finished(), False)
        assert observation.any(), "the last picture, not a black one"
        with pytest.raises(gym.error.ResetNeeded):
            env.unwrapped.step(0)
    stock.close()


def test_actions_move_the_way_their_names_say(env):
    def side_walls(action):
        """Brown pixels of the left and the right wall, in a row above the wall ahead, after a second."""
        env.reset(seed=1)
        for _ in range(35):
            observation = env.step(action)[0]
        brown = observation[93, :, 0] > observation[93, :, 2].astype(int) + 10
        return brown[:160].sum(), brown[160:].sum()

    stay, right, left = map(side_walls, range(3))
    assert min(stay) > 0
    assert right[0] == 0 < stay[1] < right[1]
    assert left[1] == 0 < stay[0] < left[0]
    assert env.unwrapped.get_action_meanings() == ["STAY", "RIGHT", "LEFT"]


def test_a_game_that_another_env_left_in_the_middle_makes_no_difference():
    screens = []
    for left in (None, 0, 1):  # a new ViZDoom, then one that stood at its 21st tic, drawn or not
        if left is not None:
            other = TakeCover(skill=4)
            other.reset(seed=7)
            other.draw = bool(left)
            for _ in range(20):
                other.step(1)
            other.close()
            assert len(_idle[4]) == 1
        else:
            _end_idle()
            _idle.clear()
        env = TakeCover(skill=4)
        screens.append([env.reset(seed=3)[0], *(env.step(n % 3)[0] for n in range(60))])
        env.close()
        env.close()
    np.testing.assert_array_equal(screens[0], screens[1])
    np.testing.assert_array_equal(screens[0], screens[2])


def test_steps_that_are_not_drawn_are_the_same_game():
    drawn, blind = TAKE_COVER.make_env(frame_skip=1), TAKE_COVER.make_env(frame_skip=4)
    seen, _ = drawn.reset(seed=9)
    observation, _ = blind.reset(seed=9)
    rng, terminated = np.random.default_rng(0), False
    while not terminated:
        np.testing.assert_array_equal(observation, seen)
        action, rewards = int(rng.integers(3)), []
        observation, reward, terminated, _, info = blind.step(action)
        for _ in info["rewards"]:
            seen, its, ended, _, _ = drawn.step(action)
            rewards.append(its)
        assert (reward, info["rewards"], terminated) == (sum(rewards), rewards, ended)
    drawn.close()
    blind.close()


def test_an_episode_lasts_a_minute_at_most():
    assert gym.spec("TakeCover-v0").max_episode_steps == TAKE_COVER.horizon == HORIZON == 60 * 35


def test_skill_is_the_difficulty():
    lengths = {}
    for skill in (1, 5):
        env = TakeCover(skill=skill)
        lengths[skill] = 0
        for seed in range(3):
            env.reset(seed=seed)
            terminated = False
            while not terminated and lengths[skill] < 3 * 400:
                terminated = env.step(0)[2]
                lengths[skill] += 1
        env.close()
    assert lengths[5] < lengths[1]


def test_a_copy_is_a_new_game(env):
    env.reset(seed=0)
    for other in (copy.deepcopy(env.unwrapped), pickle.loads(pickle.dumps(env.unwrapped))):
        with pytest.raises(gym.error.ResetNeeded):
            other.step(0)
        np.testing.assert_array_equal(other.reset(seed=0)[0], env.reset(seed=0)[0])
        other.close()


def test_the_task_fits_its_game(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_task(TAKE_COVER, compiled=True)
    assert not list(tmp_path.iterdir()), "ViZDoom's folder is not left where somebody works"


@pytest.mark.parametrize(("output", "code"), [(-1, [0, 0, 1]), (-0.2, [1, 0, 0]), (0.2, [1, 0, 0]), (1, [0, 1, 0])])
def test_the_controllers_output_is_cut_in_thirds(output, code):
    np.testing.assert_array_equal(left_stay_right(np, np.float32([[output]])), [code])


PLAY = """
import gymnasium, time, dreamgym
env = gymnasium.make("TakeCover-v0")
env.reset(seed=0)
print("plays", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing ends a process with its parent")
def test_vizdoom_ends_with_a_player_who_is_killed(tmp_path):
    def engines():
        listed = subprocess.run(["ps", "-ww", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if f"vizdoom-{player.pid}-" in line and not line.startswith("Z")]

    player = subprocess.Popen([sys.executable, "-c", PLAY], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert player.stdout.readline() == "plays\n"
    assert engines()
    os.kill(player.pid, signal.SIGKILL)
    player.wait()
    player.stdout.close()
    for _ in range(100):
        if not engines():
            break
        time.sleep(0.05)
    assert not engines()
