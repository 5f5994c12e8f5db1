"""Episodes survive a round trip through a file, and bad files are named."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dreamgym.data.episodes import (
    Episode,
    decode_episode,
    encode_episode,
    list_episodes,
    read_episode,
    read_episodes,
    write_episode,
)
from dreamgym.data.tfrecord import encode_example, encode_record
from dreamgym.errors import DataError


def make_episode(n_steps=3, n_actions=2, seed=0):
    rng = np.random.default_rng(seed)
    return Episode(
        frames=rng.integers(0, 256, (n_steps + 1, 64, 64, 3), dtype=np.uint8),
        actions=rng.standard_normal((n_steps, n_actions)).astype(np.float32),
        rewards=rng.standard_normal(n_steps).astype(np.float32),
        targets=rng.standard_normal(n_steps).astype(np.float32),
        terminated=np.arange(n_steps) == n_steps - 1,
        truncated=False,
        seed=seed,
        env_id="Some-v0",
        policy="random",
        task="some",
    )


def assert_same(a, b):
    for field in dataclasses.fields(a):
        x, y = getattr(a, field.name), getattr(b, field.name)
        np.testing.assert_array_equal(x, y)
        assert np.asarray(x).dtype == np.asarray(y).dtype, field.name
        assert type(x) is type(y)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_round_trip(n_steps, n_actions, seed):
    episode = make_episode(n_steps, n_actions, seed)
    content = encode_episode(episode)
    assert_same(decode_episode(content), episode)
    assert encode_episode(decode_episode(content)) == content


def test_tensorflow_reads_an_episode_without_our_code(tmp_path):
    import tensorflow as tf

    episode = make_episode()
    write_episode(tmp_path / "episode-000000.tfrecord", episode)
    (record,) = tf.data.TFRecordDataset(str(tmp_path / "episode-000000.tfrecord"))
    spec = {
        "frames": tf.io.FixedLenFeature([4], tf.string),
        "actions": tf.io.FixedLenFeature([3, 2], tf.float32),
        "terminated": tf.io.FixedLenFeature([3], tf.int64),
    }
    found = tf.io.parse_single_example(record, spec)
    np.testing.assert_array_equal(found["actions"], episode.actions)
    np.testing.assert_array_equal(found["terminated"], episode.terminated)
    frames = [tf.io.decode_png(png).numpy() for png in found["frames"]]
    np.testing.assert_array_equal(frames, episode.frames)  # red is red and blue is blue


def test_a_broken_file_is_named_and_skipped(tmp_path):
    paths = [tmp_path / f"episode-{i:06d}.tfrecord" for i in range(3)]
    for i, path in enumerate(paths):
        write_episode(path, make_episode(seed=i))
    paths[1].write_bytes(paths[1].read_bytes()[:-10])
    with pytest.warns(UserWarning, match="episode-000001"):
        episodes = read_episodes(list_episodes(tmp_path))
    assert [episode.seed for episode in episodes] == [0, 2]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no record at all, but some bytes",
        encode_record(b"no example"),
        encode_record(encode_example({"format": [b"another"], "version": [1]})),
        encode_record(encode_example({"format": [b"dreamgym episode"], "version": [1]})),
        encode_record(encode_example({"format": [b"dreamgym episode"], "version": [99]})),
        encode_record(encode_example({"format": [b"dreamgym episode"], "version": [1], "frames": [b"no png"]})),
    ],
)
def test_foreign_and_incomplete_files_are_named(content, tmp_path):
    path = tmp_path / "episode-000000.tfrecord"
    path.write_bytes(content)
    with pytest.raises(DataError, match="episode-000000"):
        read_episode(path)


def test_mostly_broken_or_no_files_stop_the_stage(tmp_path):
    write_episode(tmp_path / "episode-000000.tfrecord", make_episode())
    for i in (1, 2):
        (tmp_path / f"episode-{i:06d}.tfrecord").write_bytes(b"x")
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(DataError, match="2 of 3 files are bad"):
        read_episodes(list_episodes(tmp_path))
    with pytest.raises(DataError, match="no episodes"):
        read_episodes(list_episodes(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere"):
        read_episode(tmp_path / "nowhere")
