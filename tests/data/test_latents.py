import dataclasses
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamgym import convolution
from dreamgym.data.episodes import list_episodes, read_episode
from dreamgym.data.latents import (
    LatentEpisode,
    decode_latents,
    encode_latents,
    encode_rollouts,
    read_latents,
    vision_stamp,
)
from dreamgym.data.rollouts import collect, episode_path
from dreamgym.errors import DataError

TINY = "tests.tiny_game:TINY_TASK"


@pytest.fixture
def rollouts(tmp_path):
    collect(tmp_path / "rollouts", task=TINY, policy="smoothed", episodes=4, workers=0)
    return tmp_path / "rollouts"


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_round_trip(n_steps, z, a, seed):
    rng = np.random.default_rng(seed)
    numbers = [rng.standard_normal((n_steps + 1, z)), rng.standard_normal((n_steps + 1, z))]
    numbers += [rng.standard_normal(shape) for shape in ((n_steps, a), (n_steps,), (n_steps,))]
    done = rng.random(n_steps) < 0.5
    episode = LatentEpisode(*(x.astype(np.float32) for x in numbers), done, bool(done[0]), seed, "stamp", seed)
    found = decode_latents(encode_latents(episode))
    for field in dataclasses.fields(episode):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(episode, field.name))


def test_latents_are_v_of_the_frames(rollouts, tiny_world_model, tmp_path):
    report = encode_rollouts(rollouts, tmp_path / "latents", tiny_world_model.vision)
    assert (report.kept, report.made, report.failed) == (0, 4, ())
    for path, latents in zip(list_episodes(rollouts), read_latents(tmp_path / "latents"), strict=True):
        episode = read_episode(path)
        mu, logvar = convolution.encode(tiny_world_model.vision, episode.frames)
        np.testing.assert_allclose(latents.mu, mu, atol=1e-5)
        np.testing.assert_allclose(latents.logvar, logvar, atol=1e-5)
        for name in ("actions", "rewards", "targets", "terminated", "truncated", "seed"):
            np.testing.assert_array_equal(getattr(latents, name), getattr(episode, name))


def test_fresh_latents_are_kept_and_stale_broken_or_missing_ones_made(rollouts, tiny_world_model, tmp_path):
    latents, vision = tmp_path / "latents", tiny_world_model.vision
    encode_rollouts(rollouts, latents, vision)
    before = {path: path.read_bytes() for path in list_episodes(latents)}
    assert encode_rollouts(rollouts, latents, vision).kept == 4
    episode_path(latents, 0).unlink()
    episode_path(latents, 1).write_bytes(b"broken")
    os.replace(episode_path(rollouts, 3), episode_path(rollouts, 2))  # another episode under the same name
    with pytest.warns(UserWarning, match="episode-000001"):
        report = encode_rollouts(rollouts, latents, vision)
    assert (report.kept, report.made) == (0, 3)
    assert episode_path(latents, 0).read_bytes() == before[episode_path(latents, 0)]
    assert [episode.seed for episode in read_latents(latents)] == [
        read_episode(path).seed for path in list_episodes(rollouts)
    ]
    other = {**vision, "mu_bias": vision["mu_bias"] + 1}
    assert encode_rollouts(rollouts, latents, other).made == 3
    assert {episode.stamp for episode in read_latents(latents)} == {vision_stamp(other)}


def test_stale_latents_are_not_read_beside_others(rollouts, tiny_world_model, tmp_path):
    vision = tiny_world_model.vision
    other = {**vision, "mu_bias": vision["mu_bias"] + 1}
    encode_rollouts(rollouts, tmp_path / "a", vision)
    encode_rollouts(rollouts, tmp_path / "b", other)
    stray = episode_path(tmp_path / "a", 0)
    stray.write_bytes(episode_path(tmp_path / "b", 0).read_bytes())
    with pytest.warns(UserWarning, match=f"{stray} is stale"):
        assert len(read_latents(tmp_path / "a", vision_stamp(vision))) == 3
    with pytest.warns(UserWarning, match="stale"), pytest.raises(DataError, match="4 of 4 files are bad"):
        read_latents(tmp_path / "b", vision_stamp(vision))


def test_broken_episodes_are_skipped_or_stop_the_stage(rollouts, tiny_world_model, tmp_path):
    episode_path(rollouts, 1).write_bytes(b"broken")
    with pytest.warns(UserWarning, match="episode-000001"):
        report = encode_rollouts(rollouts, tmp_path / "latents", tiny_world_model.vision)
    assert (report.made, report.failed) == (3, (episode_path(rollouts, 1),))
    for i in (0, 2):
        episode_path(rollouts, i).write_bytes(b"broken")
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(DataError, match="3 of 4 episodes"):
        encode_rollouts(rollouts, tmp_path / "latents", tiny_world_model.vision)
    with pytest.raises(DataError, match="holds no episodes"):
        encode_rollouts(tmp_path / "nowhere", tmp_path / "latents", tiny_world_model.vision)


def test_a_stamp_tells_one_v_from_another_whatever_the_order(tiny_world_model):
    vision = dict(tiny_world_model.vision)
    backwards = dict(reversed(vision.items()))
    assert vision_stamp(backwards) == vision_stamp(vision)
    changed = {**vision, "encoder_0_kernel": vision["encoder_0_kernel"] * np.float32(1.0001)}
    assert vision_stamp(changed) != vision_stamp(vision)
