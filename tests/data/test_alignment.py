"""Every (z, a, target, done, z') in its place, from the game to M: collector, encoder, input pipeline."""

import numpy as np
import pytest

from dreamgym.data.encode import encode_rollouts
from dreamgym.data.episodes import list_episodes, read_episode
from dreamgym.data.latents import read_latents
from dreamgym.data.sequences import windows
from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings
from tests.conftest import random_world_model
from tests.counting_game import COUNTING_TASK, LAST, NO_ACTION, Counting, frame_of, reward_of

LENGTH = 5  # a window; the episode's 13 steps make two whole ones and a padded one
KEYS = ("mu", "logvar", "action", "target", "done", "weight")


@pytest.fixture(scope="module")
def world_model():
    """With a V that tells frames apart: an untrained one hardly does."""
    model = random_world_model(COUNTING_TASK, Counting().action_space, COUNTING_TASK.hidden_size)
    sharper = {name: 50 * model.vision[name] for name in ("mu_kernel", "logvar_kernel")}
    return model.replace(vision={**model.vision, **sharper})


@pytest.fixture(scope="module")
def data(tmp_path_factory, world_model):
    """The pipeline's arrays, and the actions that were really taken, one episode."""
    folder = tmp_path_factory.mktemp("counting")
    env = EnvSettings(task="tests.counting_game:COUNTING_TASK")
    collect(folder / "rollouts", "random", env, CollectSettings(episodes=1), workers=1)
    encode_rollouts(folder / "rollouts", folder / "latents", world_model.vision)
    episode = read_episode(list_episodes(folder / "rollouts")[0])
    return episode, windows(read_latents(folder / "latents"), LENGTH)


def frames_of(actions):
    return np.stack([frame_of(step, action) for step, action in enumerate([NO_ACTION, *actions])])


def check(arrays, world_model):
    """Whether M's input says of every step what the game did; the game's own rules are the witness."""
    n_windows = -(-LAST // LENGTH)
    assert arrays["weight"].shape == (n_windows, LENGTH)
    np.testing.assert_array_equal(arrays["weight"].reshape(-1), np.arange(n_windows * LENGTH) < LAST)
    expected = dict(
        zip(("mu", "logvar"), world_model.encode(frames_of(arrays["action"].reshape(-1, 2)[:LAST])), strict=True)
    )
    for i in range(LAST):
        window, t = divmod(i, LENGTH)
        for name in ("mu", "logvar"):
            np.testing.assert_allclose(arrays[name][window, t], expected[name][i], atol=1e-3)
            np.testing.assert_allclose(arrays[name][window, t + 1], expected[name][i + 1], atol=1e-3)
        assert arrays["target"][window, t] == pytest.approx(3 * reward_of(arrays["action"][window, t]), abs=1e-5)
    np.testing.assert_array_equal(arrays["done"].reshape(-1), np.arange(n_windows * LENGTH) == LAST - 1)


def test_the_collected_episode_is_the_game(data):
    episode, _ = data
    assert len(episode) == LAST
    np.testing.assert_array_equal(episode.frames, frames_of(episode.actions))
    np.testing.assert_allclose(episode.rewards, [reward_of(action) for action in episode.actions], atol=1e-6)
    np.testing.assert_allclose(episode.targets, 3 * episode.rewards, rtol=1e-6)
    assert episode.terminated.tolist() == [False] * (LAST - 1) + [True]
    assert not episode.truncated


def test_everything_reaches_m_in_its_place(data, world_model):
    check(data[1], world_model)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("by", [-1, 1])
def test_a_shift_of_anything_by_a_step_is_caught(key, by, data, world_model):
    shifted = dict(data[1])
    shifted[key] = np.roll(shifted[key], by, axis=1)
    with pytest.raises(AssertionError):
        check(shifted, world_model)


def test_this_v_tells_every_step_from_the_next(data, world_model):
    for values in world_model.encode(data[0].frames):
        assert np.abs(np.diff(values, axis=0)).max(axis=1).min() > 0.05


def test_actions_reach_m_as_they_were_taken(data):
    episode, arrays = data
    taken = arrays["action"].reshape(-1, 2)[arrays["weight"].reshape(-1) > 0]
    np.testing.assert_array_equal(taken, episode.actions)
