"""A population in the real game: everyone on the same tracks, each as if it had played alone."""

import numpy as np
import pytest

from dreamgym.errors import JobError
from dreamgym.evolution.population import population_returns
from dreamgym.play.episodes import play_episodes
from dreamgym.play.resolve import resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.jobs import LocalExecutor
from dreamgym.running.seeding import training_seeds

EPISODES, STEPS = 6, 7


@pytest.fixture(scope="module")
def candidates(tiny_world_model):
    size = LinearController.zeros(tiny_world_model).parameters.size
    drawn = np.random.default_rng(5).standard_normal((3, size)).astype(np.float32)
    right = np.zeros((1, size), np.float32)
    right[0, -1] = 9  # the last output's bias: always to the right, which wins
    return np.concatenate([drawn, drawn[:1], right])


@pytest.mark.parametrize("workers", [0, 2])
def test_the_table_is_what_each_candidate_scores_alone(tiny_world_model, tiny_folder, candidates, workers):
    env = EnvSettings(world_model=tiny_folder, max_steps=STEPS)
    with LocalExecutor(workers) as executor:
        table = population_returns(env, None, episodes=EPISODES, executor=executor)(candidates, 11)
    players = [resolve(LinearController(row, "tiny_game", tiny_world_model.codec), env) for row in candidates]
    expected = [[played.score for played in play_episodes(player, training_seeds(11, EPISODES))] for player in players]
    np.testing.assert_array_equal(table, expected)
    assert table.shape == (5, EPISODES)
    assert (table[4] == 1).all()
    assert (table[:4] != table[4]).any(), "every candidate scores the same; the comparison shows nothing"


def test_generations_keep_their_workers(tiny_folder, candidates):
    env = EnvSettings(world_model=tiny_folder, max_steps=STEPS)
    with LocalExecutor(1) as executor:
        returns = population_returns(env, None, episodes=1, executor=executor)
        returns(candidates, 0)
        (worker,) = executor._pool.workers
        process = worker._process.pid
        returns(candidates, 1)
        assert worker._process.pid == process


def test_all_candidates_meet_the_same_episodes_and_another_seed_gives_others(tiny_folder, candidates):
    env = EnvSettings(world_model=tiny_folder, max_steps=3)
    returns = population_returns(env, None, episodes=40, executor=LocalExecutor(0))
    table = returns(candidates[[4, 4]], 0)
    np.testing.assert_array_equal(table[0], table[1])
    assert 0 < table[0].mean() < 1, "three steps to the right win from some starts only"
    assert (returns(candidates[[4]], 1)[0] != table[0]).any()


def test_a_candidate_that_cannot_be_played_is_named(tiny_world_model, candidates, tmp_path):
    folder = tiny_world_model.save(tmp_path / "world_model")
    env = EnvSettings(world_model=str(folder))
    returns = population_returns(env, None, episodes=1, executor=LocalExecutor(0))
    (folder / "memory.npz").unlink()
    with pytest.raises(JobError, match=r"candidate 0 could not be played.*memory\.npz is missing"):
        returns(candidates, 0)
