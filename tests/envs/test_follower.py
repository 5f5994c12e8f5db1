"""The observations of real games: V's samples beside M's state, for one game and for several."""

import numpy as np
import pytest

from dreamgym.envs.follower import BatchFollower
from dreamgym.models import vision_numpy
from dreamgym.models.dynamics import lstm_step, sample_posterior

N, STEPS = 3, 5


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).integers(0, 256, (STEPS + 1, N, 64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def codes():
    return np.eye(3, dtype=np.float32)[np.random.default_rng(1).integers(3, size=(STEPS, N))]


def rngs(*seeds):
    return [np.random.default_rng(seed) for seed in seeds]


def test_an_observation_is_a_sample_of_v_and_the_state_of_m(tiny_world_model, frames, codes):
    follower, (rng,) = BatchFollower(tiny_world_model), rngs(4)
    h = c = np.zeros((1, tiny_world_model.hidden_size), np.float32)
    observation = follower.reset(frames[0, :1], rngs(4))
    for step in range(STEPS + 1):
        mu, logvar = vision_numpy.encode(tiny_world_model.vision, frames[step, :1])
        z = sample_posterior(np, mu, logvar, rng.standard_normal((1, tiny_world_model.latent_size), np.float32))
        np.testing.assert_allclose(observation, np.concatenate([z, h], axis=1), atol=1e-5)
        np.testing.assert_allclose(follower.c, c, atol=1e-5)
        assert observation.dtype == np.float32
        if step < STEPS:
            h, c = lstm_step(np, tiny_world_model.memory, z, codes[step, :1], (h, c))
            observation = follower.step(frames[step + 1, :1], codes[step, :1])


def test_a_batch_of_games_observes_what_single_games_do(tiny_world_model, frames, codes):
    batch, singles = BatchFollower(tiny_world_model), [BatchFollower(tiny_world_model) for _ in range(N)]
    observed = [batch.reset(frames[0], rngs(0, 1, 2))]
    alone = [[single.reset(frames[0, i : i + 1], rngs(i))] for i, single in enumerate(singles)]
    for step in range(STEPS):
        observed.append(batch.step(frames[step + 1], codes[step]))
        for i, single in enumerate(singles):
            alone[i].append(single.step(frames[step + 1, i : i + 1], codes[step, i : i + 1]))
    for i in range(N):
        np.testing.assert_allclose(np.stack(observed)[:, i], np.concatenate(alone[i]), atol=1e-5)


@pytest.mark.parametrize("kept", [[0], [2, 0], [1, 1], [2, 2, 0]])
def test_the_games_that_are_kept_go_on_as_they_were(tiny_world_model, frames, codes, kept):
    every, some = BatchFollower(tiny_world_model), BatchFollower(tiny_world_model)
    for follower in (every, some):
        follower.reset(frames[0], rngs(0, 1, 2))
        follower.step(frames[1], codes[0])
    some.keep(kept)
    for step in range(1, STEPS):
        expected = every.step(frames[step + 1], codes[step])
        found = some.step(frames[step + 1][kept], codes[step][kept])
        np.testing.assert_allclose(found, expected[kept], atol=1e-5)
