"""The ascent along a gradient maximises, saves everything, and goes on where it was stopped as if it had not been."""

import numpy as np
import pytest

from dreamgym.dream.gradient import Differentiated
from dreamgym.errors import ExperimentError, TrainingError
from dreamgym.evolution.gradient_search import GradientSearch


def towards_ones(parameters, generation):
    return Differentiated(-float(np.sum((parameters - 1) ** 2)) + 0.01 * generation, 2 * (1 - parameters))


def advanced(folder, generations, slope=towards_ones, **kwargs):
    search = GradientSearch(folder, np.zeros(5), **{"learning_rate": 0.05} | kwargs)
    while search.generation < generations:
        search.advance(slope)
    return search


def test_it_climbs_to_the_top(tmp_path):
    search = advanced(tmp_path, 150)
    np.testing.assert_allclose(search.mean, 1, atol=0.02)
    assert search.fitnesses[-1] > search.fitnesses[0]


def test_its_steps_are_those_of_keras_adam(tmp_path):
    import keras

    variable = keras.Variable(np.zeros(5, np.float32))
    adam = keras.optimizers.Adam(0.05, clipnorm=1.0, epsilon=1e-8)
    for generation in range(20):
        adam.apply([-towards_ones(variable.numpy(), generation).gradient], [variable])
    np.testing.assert_allclose(advanced(tmp_path, 20).mean, variable.numpy(), rtol=1e-4)


def test_a_resumed_search_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    whole = advanced(tmp_path / "whole", 25)
    for stop in (1, 7, 18, 25):
        parts = advanced(tmp_path / "parts", stop)
    np.testing.assert_array_equal(whole.mean, parts.mean)
    np.testing.assert_array_equal(whole.means, parts.means)
    np.testing.assert_array_equal(whole.fitnesses, parts.fitnesses)


def test_what_is_not_finite_or_broken_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"generation 0: .* 1 of 5 numbers .*shorter horizon"):
        advanced(tmp_path, 1, lambda parameters, generation: Differentiated(0.0, np.array([0, np.nan, 0, 0, 0])))
    assert not list(tmp_path.glob("*.npz")), "nothing is kept of it"
    advanced(tmp_path, 3)
    np.savez(tmp_path / "generation-0001.npz", mean=np.zeros(4))
    with pytest.raises(ExperimentError, match=r"generation-0001\.npz is broken"):
        advanced(tmp_path, 4)
