"""Whether dreams rank controllers as the game does."""

import numpy as np
import pytest

from dreamgym.dream.imagination import Dreams, imagine
from dreamgym.evaluation.ranking import rank_correlation
from dreamgym.policies.controller import LinearController, linear_policy


@pytest.fixture(scope="module")
def parameters(car_world_model):
    size = LinearController.zeros(car_world_model).parameters.size
    return np.random.default_rng(0).normal(size=(6, size)).astype(np.float32)


@pytest.fixture(scope="module")
def dreamt(car_world_model, parameters):
    policy = linear_policy(car_world_model.task.head(car_world_model.codec))
    return imagine(car_world_model, policy, parameters, Dreams(64, horizon=8, seed=2)).returns.mean(axis=1)


def ranked(model, parameters, scores):
    return rank_correlation(model, parameters, scores, horizon=8, seed=2)


def test_only_the_order_counts(car_world_model, parameters, dreamt):
    assert ranked(car_world_model, parameters, dreamt**3) == pytest.approx(1)
    assert ranked(car_world_model, parameters, -np.exp(dreamt)) == pytest.approx(-1)
    order = np.argsort(dreamt)
    scores = np.empty(6)
    scores[order] = [0, 1, 2, 3, 5, 4]  # one neighbouring pair changed: 1 - 6 * 2 / (6 * 35)
    assert ranked(car_world_model, parameters, scores) == pytest.approx(1 - 12 / 210)


def test_equal_scores_share_their_rank(car_world_model, parameters, dreamt):
    scores = np.where(dreamt > np.median(dreamt), 10.0, 0.0)
    expected = np.corrcoef(np.argsort(np.argsort(dreamt)), scores)[0, 1]
    assert ranked(car_world_model, parameters, scores) == pytest.approx(expected)


def test_few_or_equal_controllers_have_none(car_world_model, parameters):
    assert ranked(car_world_model, parameters[:3], [1.0, 2.0, 3.0]) is None
    assert ranked(car_world_model, parameters, np.ones(6)) is None


def test_dreams_last_as_many_steps_of_the_game_with_a_frame_skip(car_world_model, parameters, dreamt):
    skipping = car_world_model.replace(frame_skip=4)
    assert rank_correlation(skipping, parameters, dreamt, horizon=32, seed=2) == pytest.approx(1)
