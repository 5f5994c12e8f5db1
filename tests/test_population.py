"""A population in the real game: everyone on the same tracks, each as if it had played alone."""

import numpy as np
import pytest

from dreamgym.errors import JobError
from dreamgym.evaluation import evaluation_seeds, selection_seeds
from dreamgym.play import play_episodes
from dreamgym.policies import LinearController
from dreamgym.population import population_returns, training_seeds

EPISODES, STEPS = 6, 7


@pytest.fixture(scope="module")
def candidates(tiny_world_model):
    size = 3 * (tiny_world_model.latent_size + tiny_world_model.hidden_size + 1)
    drawn = np.random.default_rng(5).standard_normal((3, size)).astype(np.float32)
    right = np.zeros((1, size), np.float32)
    right[0, -1] = 9  # the last output's bias: always to the right, which wins
    return np.concatenate([drawn, drawn[:1], right])


@pytest.mark.parametrize("workers", [0, 2])
def test_the_table_is_what_each_candidate_scores_alone(tiny_world_model, candidates, tmp_path, workers):
    folder = tiny_world_model.save(tmp_path / "world_model")
    table = population_returns(folder, episodes=EPISODES, workers=workers, max_steps=STEPS)(candidates, 11)
    expected = [
        [
            played.score
            for played in play_episodes(
                tiny_world_model.task,
                LinearController(row, "tiny_game", tiny_world_model.codec),
                training_seeds(11, EPISODES),
                world_model=tiny_world_model,
                max_steps=STEPS,
            )
        ]
        for row in candidates
    ]
    np.testing.assert_array_equal(table, expected)
    assert table.shape == (5, EPISODES)
    assert (table[4] == 1).all()
    assert (table[:4] != table[4]).any(), "every candidate scores the same; the comparison shows nothing"


def test_all_candidates_meet_the_same_tracks_and_another_seed_gives_others(tiny_world_model, candidates, tmp_path):
    folder = tiny_world_model.save(tmp_path / "world_model")
    returns = population_returns(folder, episodes=40, workers=0, max_steps=3)
    table = returns(candidates[[4, 4]], 0)
    np.testing.assert_array_equal(table[0], table[1])
    assert 0 < table[0].mean() < 1, "three steps to the right win from some starts only"
    assert (returns(candidates[[4]], 1)[0] != table[0]).any()


def test_training_seeds_keep_away_from_those_of_scores():
    seeds = training_seeds(0, 1000)
    assert seeds[:10] == training_seeds(0, 10)
    assert len(set(seeds)) == 1000
    assert max(seeds) < 2**31 <= min(evaluation_seeds(0, 1) + selection_seeds(0, 1))


def test_a_candidate_that_cannot_be_played_is_named(tiny_world_model, candidates, tmp_path):
    folder = tiny_world_model.save(tmp_path / "world_model")
    returns = population_returns(folder, episodes=1, workers=0)
    (folder / "memory.npz").unlink()
    with pytest.raises(JobError, match=r"candidate 0 could not be played.*memory\.npz is missing"):
        returns(candidates, 0)
