"""The random numbers of dreams: their order, their blocks, and that threads do not change them."""

import numpy as np
import pytest

from dreamgym.dream.noise import NOISE_BLOCK, DreamNoise

Z = 3


def make(n, seed=0):
    return DreamNoise([np.random.default_rng(seed + i) for i in range(n)], Z)


def draw_by_hand(rng):
    """A block as the documentation of the order says."""
    shape = (NOISE_BLOCK, Z)
    return rng.random(shape, np.float32), rng.standard_normal(shape, np.float32)


def test_a_dream_draws_its_start_then_blocks_of_uniform_then_normal_numbers():
    noise, rng = make(2), np.random.default_rng(1)
    index, posterior = noise.draw_start(1, 100, 5)
    assert index == rng.integers(100)
    np.testing.assert_array_equal(posterior, rng.standard_normal((5, Z), np.float32))
    for _ in range(2):
        noise.draw_block(1)
        uniform, normal = draw_by_hand(rng)
        np.testing.assert_array_equal(noise.uniform[1], uniform)
        np.testing.assert_array_equal(noise.normal[1], normal)


def test_a_block_is_drawn_in_place_and_leaves_other_dreams_alone():
    noise = make(3)
    noise.draw_blocks(range(3))
    uniform, normal = noise.uniform, noise.normal
    before = uniform.copy(), normal.copy()
    noise.draw_blocks([1])
    assert noise.uniform is uniform
    assert noise.normal is normal
    for array, old in zip((uniform, normal), before, strict=True):
        np.testing.assert_array_equal(array[[0, 2]], old[[0, 2]])
        assert not np.any(array[1] == old[1])


def test_a_step_reads_its_place_in_the_block():
    noise = make(2)
    noise.draw_blocks(range(2))
    uniform, normal = draw_by_hand(np.random.default_rng(1))
    for step in (0, 1, NOISE_BLOCK - 1):
        at = noise.at(1, step)
        np.testing.assert_array_equal(at.uniform, uniform[step])
        np.testing.assert_array_equal(at.normal, normal[step])


@pytest.mark.parametrize("n", [127, 128, 131])
def test_blocks_drawn_on_threads_are_those_drawn_one_by_one(n):
    together, single = make(n), make(n)
    together.draw_blocks(range(n))
    for dream in range(n):
        single.draw_block(dream)
    np.testing.assert_array_equal(together.uniform, single.uniform)
    np.testing.assert_array_equal(together.normal, single.normal)


def test_a_generator_that_is_replaced_is_the_one_that_draws():
    generators = [np.random.default_rng(0)]
    noise = DreamNoise(generators, Z)
    noise.draw_block(0)
    generators[0] = np.random.default_rng(7)
    noise.draw_block(0)
    np.testing.assert_array_equal(noise.uniform[0], draw_by_hand(np.random.default_rng(7))[0])
