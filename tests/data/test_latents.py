"""Latents survive a round trip through a file, and latents of another V are not read."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dreamgym.data.latents import LatentEpisode, decode_latents, encode_latents, read_latents
from dreamgym.errors import DataError
from dreamgym.running.files import write_whole


def make_latents(n_steps=3, z=2, a=1, seed=0, stamp="this V"):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    terminated = rng.random(n_steps) < 0.5
    return LatentEpisode(
        mu=draw(n_steps + 1, z),
        logvar=draw(n_steps + 1, z),
        actions=draw(n_steps, a),
        rewards=draw(n_steps),
        targets=draw(n_steps),
        terminated=terminated,
        truncated=bool(terminated[0]),
        seed=seed,
        stamp=stamp,
        source=seed,
    )


def write_latents(folder, number, stamp):
    path = folder / f"episode-{number:06d}.tfrecord"
    write_whole(path, encode_latents(make_latents(seed=number, stamp=stamp)))
    return path


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_round_trip(n_steps, z, a, seed):
    episode = make_latents(n_steps, z, a, seed)
    found = decode_latents(encode_latents(episode))
    assert len(found) == n_steps
    for field in dataclasses.fields(episode):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(episode, field.name))
        assert np.asarray(getattr(found, field.name)).dtype == np.asarray(getattr(episode, field.name)).dtype


def test_stale_latents_are_not_read_beside_others(tmp_path):
    stray = write_latents(tmp_path / "a", 0, "another V")
    for number in (1, 2, 3):
        write_latents(tmp_path / "a", number, "this V")
        write_latents(tmp_path / "b", number, "another V")
    with pytest.warns(UserWarning, match=f"{stray} is stale"):
        assert [episode.seed for episode in read_latents(tmp_path / "a", "this V")] == [1, 2, 3]
    with pytest.warns(UserWarning, match="stale"), pytest.raises(DataError, match="3 of 3 files are bad"):
        read_latents(tmp_path / "b", "this V")


def test_without_a_stamp_the_first_file_decides(tmp_path):
    write_latents(tmp_path / "b", 0, "another V")
    write_latents(tmp_path / "b", 1, "another V")
    write_latents(tmp_path / "c", 2, "this V")
    with pytest.warns(UserWarning, match=r"episode-000002.* is stale"):
        episodes = read_latents([tmp_path / "b", tmp_path / "c"])
    assert {episode.stamp for episode in episodes} == {"another V"}


def test_no_latents_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no latents in .*nowhere"):
        read_latents(tmp_path / "nowhere")
