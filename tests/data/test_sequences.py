"""Windows cover every step, starts leave steps to play, and a split keeps episodes apart."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dreamgym.data.latents import LatentEpisode
from dreamgym.data.sequences import check_lengths, make_starts, split_episodes, windows
from dreamgym.errors import DataError
from dreamgym.models.dynamics import warm_up
from tests.conftest import random_world_model
from tests.tiny_game import TINY_TASK


def numbered(n_steps, first=0, terminated=True):
    """An episode whose every number tells its place."""
    steps = np.arange(first, first + n_steps + 1, dtype=np.float32)
    return LatentEpisode(
        mu=np.stack([steps, -steps], axis=1),
        logvar=np.stack([steps, steps], axis=1) / 2,
        actions=steps[:-1, None] + 0.25,
        rewards=steps[:-1],
        targets=steps[:-1] + 0.5,
        terminated=(np.arange(n_steps) == n_steps - 1) & terminated,
        truncated=not terminated,
        seed=first,
        stamp="v",
        source=0,
    )


@given(st.lists(st.integers(1, 23), min_size=1, max_size=5), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_windows_hold_every_step_once_and_in_its_place(lengths, length):
    episodes = [numbered(n, first=100 * (i + 1)) for i, n in enumerate(lengths)]
    arrays = windows(episodes, length)
    inside = arrays["weight"] > 0
    assert inside.sum() == sum(lengths)
    np.testing.assert_array_equal(arrays["target"][inside], np.concatenate([e.targets for e in episodes]))
    np.testing.assert_array_equal(arrays["done"][inside], np.concatenate([e.terminated for e in episodes]))
    z, after = arrays["mu"][:, :-1, 0][inside], arrays["mu"][:, 1:, 0][inside]
    np.testing.assert_array_equal(after, z + 1)
    np.testing.assert_array_equal(arrays["action"][..., 0][inside], z + 0.25)
    np.testing.assert_array_equal(arrays["logvar"][:, 1:, 1][inside], after / 2)
    assert all(arrays[name][~inside].sum() == 0 for name in ("action", "target", "done", "weight"))
    assert all(values.dtype == np.float32 for values in arrays.values())


@given(st.integers(1, 30), st.integers(1, 9), st.data())
@settings(max_examples=60, deadline=None)
def test_overlapping_windows_leave_no_step_out_and_no_window_empty(n_steps, length, data):
    stride = data.draw(st.integers(1, length))
    arrays = windows([numbered(n_steps)], length, stride)
    inside = arrays["weight"] > 0
    assert set(arrays["target"][inside]) == set(np.arange(n_steps) + 0.5)
    assert inside.any(axis=1).all()


def test_windows_refuse_a_stride_that_leaves_steps_out():
    with pytest.raises(DataError, match=r"stride 6; expected .* 1 to 5"):
        windows([numbered(9)], 5, stride=6)
    with pytest.raises(DataError, match="0 episodes"):
        windows([], 5)


MEMORY = random_world_model(dataclasses.replace(TINY_TASK, latent_size=2), gym.spaces.Box(-1, 1, (1,)), 8).memory


def starts_of(episodes, count, steps, **settings):
    return make_starts(episodes, MEMORY, count, steps, **settings)


def test_starts_come_from_all_over_and_leave_something_to_play():
    episodes = [numbered(40, first=0), numbered(40, first=100, terminated=False)]
    starts = starts_of(episodes, 60, 5, seed=0)
    assert starts.mu.shape == (60, 6, 2)
    assert starts.action.shape == (60, 5, 1)
    np.testing.assert_array_equal(starts.mu[:, :-1, 0] + 0.25, starts.action[..., 0])
    ends = starts.mu[:, -1, 0]
    assert ends[ends < 100].max() <= 30  # the game ended at 40
    assert ends[ends >= 100].max() > 130  # it was only cut short at 140
    assert len(np.unique(ends)) == 60
    np.testing.assert_array_equal(starts.mu, starts_of(episodes, 60, 5, seed=0).mu)
    assert (starts_of(episodes, 60, 5, seed=1).mu != starts.mu).any()


def test_short_episodes_give_starts_too_and_too_short_ones_say_so():
    assert len(starts_of([numbered(6)], 7, 4)) == 7
    with pytest.raises(DataError, match="longer episodes"):
        starts_of([numbered(4)], 7, 4)


@given(st.integers(2, 40), st.floats(0.01, 0.99), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_split_keeps_every_episode_on_one_side_and_neither_side_empty(n, part, seed):
    train, held = split_episodes(range(n), part, seed)
    assert sorted(train + held) == list(range(n))
    assert train
    assert held
    assert (train, held) == split_episodes(range(n), part, seed)


def test_a_split_of_one_episode_says_so():
    with pytest.raises(DataError, match="at least 2"):
        split_episodes([1], 0.1)


def test_rewarded_starts_are_drawn_where_the_game_paid() -> None:
    plain, paid = numbered(40), numbered(40)
    plain = dataclasses.replace(plain, mu=plain.mu + 1000, targets=np.zeros(40, np.float32))
    paid = dataclasses.replace(paid, targets=np.ones(40, np.float32))
    starts = starts_of([plain, paid], 40, 4, seed=0, rewarded=0.75)
    assert np.mean(starts.mu[:, 0, 0] < 1000) == 0.75
    for alone in (plain, paid):
        assert len(starts_of([alone], 40, 4, seed=0, rewarded=0.75)) == 40
    older = dataclasses.replace(plain, mu=plain.mu + 1000), dataclasses.replace(paid, mu=paid.mu + 3000)
    starts = starts_of([plain, paid], 400, 4, seed=0, rewarded=0.75, older=older)
    where = starts.mu[:, 0, 0] // 1000
    assert np.mean(where == 0) == 0.75
    assert set(where) == {0, 1, 2}, "what did not pay may be older, what paid may not"


def test_a_start_has_the_state_that_m_has_there_after_the_whole_episode_before():
    rng = np.random.default_rng(0)
    episodes = []
    for size in (30, 7, 50):
        episode = numbered(size, terminated=False)
        mu = rng.standard_normal(episode.mu.shape).astype(np.float32)
        actions = rng.standard_normal(episode.actions.shape).astype(np.float32)
        episodes.append(dataclasses.replace(episode, mu=mu, logvar=np.full_like(mu, -200), actions=actions))
    starts = starts_of(episodes, 400, 3)
    for mu, h, c in zip(starts.mu, starts.h, starts.c, strict=True):
        ((e, t),) = [(e, t) for e, x in enumerate(episodes) for t in np.flatnonzero((x.mu == mu[0]).all(axis=1))]
        expected = warm_up(np, MEMORY, episodes[e].mu[None], episodes[e].actions[None, :t])
        np.testing.assert_allclose((h, c), (expected[0][0], expected[1][0]), atol=1e-6)


def test_too_short_episodes_are_found_before_the_work():
    check_lengths([3, 21], 20)
    with pytest.raises(DataError, match="longest of 2 episodes has 20 steps, a start of dreams takes 20 and one more"):
        check_lengths([3, 20], 20)
