"""Latents are V's posterior over the frames, and only those that are not up to date are made."""

import os

import numpy as np
import pytest

from dreamgym.data.encode import encode_rollouts
from dreamgym.data.encode_job import Place
from dreamgym.data.episodes import list_episodes, read_episode, write_episode
from dreamgym.data.latents import read_latents
from dreamgym.errors import DataError
from dreamgym.models import vision_numpy
from dreamgym.running.provenance import hash_arrays
from dreamgym.storage.remote import Remote
from dreamgym.storage.remote_files import RemoteFiles
from tests.data.test_episodes import make_episode


def episode_path(folder, number):
    return folder / f"episode-{number:06d}.tfrecord"


@pytest.fixture
def rollouts(tmp_path):
    """Four episodes of different lengths."""
    for number in range(4):
        write_episode(episode_path(tmp_path / "rollouts", number), make_episode(2 + number, seed=number))
    return tmp_path / "rollouts"


def test_latents_are_v_of_the_frames(rollouts, tiny_world_model, tmp_path):
    report = encode_rollouts(rollouts, tmp_path / "latents", tiny_world_model.vision)
    assert (report.kept, report.made, report.failed) == (0, 4, ())
    for path, latents in zip(list_episodes(rollouts), read_latents(tmp_path / "latents"), strict=True):
        episode = read_episode(path)
        mu, logvar = vision_numpy.encode(tiny_world_model.vision, episode.frames)
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
    assert {episode.stamp for episode in read_latents(latents)} == {hash_arrays(other)}


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
    assert hash_arrays(backwards) == hash_arrays(vision)
    changed = {**vision, "encoder_0_kernel": vision["encoder_0_kernel"] * np.float32(1.0001)}
    assert hash_arrays(changed) != hash_arrays(vision)


def test_in_a_place_that_all_reach_the_same_latents_are_made_kept_and_mended(rollouts, tiny_world_model, tmp_path):
    remote, vision = Remote(f"file://{tmp_path}/remote"), tiny_world_model.vision
    place = Place(RemoteFiles(remote, "rollouts"), RemoteFiles(remote, "latents"))

    def encode():
        report = encode_rollouts(rollouts, tmp_path / "none", vision, place=place)
        return report.kept, report.made, [path.name for path in report.failed]

    def there(files):
        return {name: files.get(name) for name in files.names()}

    with pytest.raises(DataError, match="holds no episodes in the remote"):
        encode()
    for path in list_episodes(rollouts):
        place.rollouts.put(path.name, path.read_bytes())
    assert encode() == (0, 4, [])
    encode_rollouts(rollouts, tmp_path / "latents", vision)
    made = {path.name: path.read_bytes() for path in list_episodes(tmp_path / "latents")}
    assert there(place.latents) == made
    assert encode() == (4, 0, [])
    names = sorted(made)
    place.latents.without({names[0]}).put(names[0], made[names[1]])  # of another episode
    (tmp_path / "remote" / "latents" / names[1]).write_bytes(b"damaged")
    (tmp_path / "remote" / "latents" / names[2]).unlink()
    with pytest.warns(UserWarning, match=f"latents/{names[1]} is damaged.* it is made anew"):
        assert encode() == (1, 3, [])
    assert there(place.latents) == made
    (tmp_path / "remote" / "rollouts" / names[3]).write_bytes(b"damaged")
    with pytest.warns(UserWarning, match=f"skipped: .*rollouts/{names[3]} is damaged"):
        assert encode() == (3, 0, [names[3]])
    assert not (tmp_path / "none").exists()
