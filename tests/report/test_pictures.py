"""Whether pictures show the frames, the reconstructions and the dream that they say they show."""

import numpy as np
import pytest

from dreamgym.data.episodes import Episode, list_episodes
from dreamgym.data.sequences import split_episodes
from dreamgym.errors import DataError
from dreamgym.report import pictures


def episode(world_model, steps, seed=3):
    rng = np.random.default_rng(seed)
    return Episode(
        actions=np.eye(3, dtype=np.float32)[rng.integers(3, size=steps)],
        rewards=np.zeros(steps, np.float32),
        targets=np.zeros(steps, np.float32),
        terminated=np.zeros(steps, bool),
        truncated=True,
        seed=seed,
        frames=rng.integers(0, 256, (steps + 1, 64, 64, 3), np.uint8),
        env_id="Tiny-v0",
        policy="random",
        task=world_model.task.name,
    )


def test_a_strip_shows_the_game_and_the_dream_after_the_same_steps(tiny_world_model):
    played = episode(tiny_world_model, 200)
    strip = pictures.dream_strip(tiny_world_model, played)
    first = (200 - 20 - 100) // 2 + 20
    assert list(strip.ahead) == [0, 1, 10, 50, 100]
    np.testing.assert_array_equal(strip.real, played.frames[[first + steps for steps in strip.ahead]])
    np.testing.assert_array_equal(strip.reconstruction, pictures.reconstruct(tiny_world_model.vision, strip.real))
    assert strip.dream.shape == strip.real.shape
    assert len({frame.tobytes() for frame in strip.dream}) == 5, "a dream moves"


def test_a_dream_sees_nothing_of_the_game_after_step_0_but_the_actions(tiny_world_model):
    played = episode(tiny_world_model, 200)
    before = pictures.dream_strip(tiny_world_model, played, first=0)
    played.frames[21:] = 255 - played.frames[21:]
    blind = pictures.dream_strip(tiny_world_model, played, first=0)
    np.testing.assert_array_equal(blind.dream, before.dream)
    played.actions[20:] = played.actions[20:, ::-1]
    steered = pictures.dream_strip(tiny_world_model, played, first=0)
    assert (steered.dream[-1] != before.dream[-1]).any()
    np.testing.assert_array_equal(steered.dream[0], before.dream[0])


@pytest.mark.parametrize(("steps", "ahead"), [(4, [0, 1]), (20, [0, 1, 10]), (90, [0, 1, 10, 50])])
def test_a_short_episode_shows_as_far_as_it_goes(tiny_world_model, steps, ahead):
    assert list(pictures.dream_strip(tiny_world_model, episode(tiny_world_model, steps)).ahead) == ahead


def test_an_episode_that_ends_before_the_dream_is_refused(tiny_world_model):
    with pytest.raises(DataError, match="the episode has 30 steps, expected more than 35"):
        pictures.dream_strip(tiny_world_model, episode(tiny_world_model, 30), first=25)


def test_held_out_episodes_are_those_that_training_holds_out(experiment):
    _, paths = split_episodes(list_episodes(experiment.rollouts(0)), 0.2, seed=0)
    names = {int(path.stem.rpartition("-")[2]) for path in paths}
    found = pictures.held_out(experiment.rollouts(0), 0.2, 0, count=100)
    assert len(found) == len(names) == 6
    assert len(pictures.held_out(experiment.rollouts(0), 0.2, 0, count=2)) == 2


def test_frames_are_spread_over_all_episodes(tiny_world_model):
    episodes = [episode(tiny_world_model, 9, seed) for seed in range(4)]
    together = np.concatenate([each.frames for each in episodes])
    np.testing.assert_array_equal(pictures.sample_frames(episodes, 4), together[[5, 15, 24, 34]])
    assert len(pictures.sample_frames(episodes[:1], 50)) == 10


def test_the_squared_error_is_that_of_vs_loss():
    black, white = np.zeros((2, 64, 64, 3), np.uint8), np.full((2, 64, 64, 3), 255, np.uint8)
    assert pictures.squared_error(black, black) == 0
    assert pictures.squared_error(black, white) == 64 * 64 * 3


def test_the_mean_frame_is_what_v_is_measured_against(tiny_world_model):
    flat = episode(tiny_world_model, 63)
    flat.frames[:] = 100
    half = np.arange(64) % 2 == 0
    flat.frames[half] = 102
    error, trivial = pictures.vision_errors(tiny_world_model.vision, [flat])
    assert trivial == pytest.approx(64 * 64 * 3 / 255**2, rel=1e-5)
    assert error > 100 * trivial, "a V of random numbers knows nothing"
