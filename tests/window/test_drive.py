"""What a drive does without a window: dream, reality, both, and the ways between them."""

import numpy as np
import pytest

from dreamgym.data.episodes import list_episodes, read_episode
from dreamgym.data.frames import FrameStore
from dreamgym.envs.follower import BatchFollower
from dreamgym.errors import DataError, PolicyError, WindowError
from dreamgym.models.dynamics import lstm_step
from dreamgym.play.collect import check_collections, collected_frame_skip, collected_task
from dreamgym.play.episodes import play_episodes
from dreamgym.play.resolve import resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.policies.policy import CallablePolicy
from dreamgym.running.seeding import Stream, generator
from dreamgym.window.drive import LEAST_TEMPERATURE, Drive
from dreamgym.window.save import save_episode
from tests.counting_game import COUNTING_TASK, LAST, frame_of, reward_of
from tests.tiny_game import TINY_TASK

CODES = np.array([[1.0, 0.0], [-0.5, 0.25], [0.0, 1.0], [0.5, -1.0], [-1.0, 0.5]], np.float32)


def drive_on(drive, codes):
    return [scene for code in codes for scene in drive.decide(code)]


def followed(world_model, seed, codes):
    """M's state after decisions in the counting game, by the follower alone."""
    follower = BatchFollower(world_model)
    rows = [0, 0]
    env = COUNTING_TASK.make_env(frame_skip=3)
    frame = COUNTING_TASK.frame(env.reset(seed=seed)[0])
    follower.reset(np.stack([frame for _ in rows]), [generator(seed, Stream.POSTERIOR) for _ in rows])
    for code in codes:
        frame = COUNTING_TASK.frame(env.step(code)[0])
        follower.step(np.stack([frame for _ in rows]), np.stack([code for _ in rows]))
    return follower.z[0], follower.h[0], follower.c[0]


def test_a_dream_from_reality_begins_with_the_state_that_m_has_of_it(counting):
    drive = Drive(counting, None, 5, "real")
    drive_on(drive, CODES[:3])
    drive.show("dream")
    z, h, c = followed(counting.world_model, 5, CODES[:3])
    np.testing.assert_allclose(drive.dream.observation, np.concatenate([z, h]), atol=1e-6)
    drive_on(drive, CODES[3:4])
    h_next, _ = lstm_step(np, counting.world_model.memory, z, CODES[3], (h, c))
    np.testing.assert_allclose(drive.dream.observation[len(z) :], h_next, atol=1e-5)


def test_reality_goes_on_where_it_was_left(counting):
    drive, straight = Drive(counting, None, 5, "real"), Drive(counting, None, 5, "real")
    drive_on(drive, CODES[:2])
    left = drive.scene().pictures["reality"]
    drive.show("dream")
    dreamt = drive_on(drive, CODES[2:])[-1]
    assert (dreamt.pictures["dream"] != left).any()
    drive.show("real")
    np.testing.assert_array_equal(drive.scene().pictures["reality"], left)
    drive_on(drive, CODES[2:4])
    drive_on(straight, CODES[:4])
    np.testing.assert_array_equal(drive.real.observation, straight.real.observation)
    assert drive.real.rewards == straight.real.rewards


def test_reality_shows_every_frame_and_a_dream_every_decision(counting):
    drive = Drive(counting, None, 0, "real")
    scenes = drive_on(drive, CODES[:2])
    expected = [frame_of(step, CODES[(step - 1) // 3]) for step in range(1, 7)]
    np.testing.assert_array_equal([scene.pictures["reality"] for scene in scenes], expected)
    assert [scene.readings[0].steps for scene in scenes] == [1, 2, 3, 4, 5, 6]
    assert scenes[-1].readings[0].total == pytest.approx(3 * sum(reward_of(code) for code in CODES[:2]))
    drive.show("dream")
    scenes = drive_on(drive, CODES[:2])
    assert len(scenes) == 6
    assert [scene.readings[0].steps for scene in scenes] == [3, 3, 3, 6, 6, 6]
    assert (scenes[0].pictures["dream"] == scenes[2].pictures["dream"]).all()
    assert (scenes[2].pictures["dream"] != scenes[3].pictures["dream"]).any()


def test_both_run_under_the_same_actions(counting):
    drive, alone = Drive(counting, None, 2, "both"), Drive(counting, None, 2, "real")
    alone.show("dream")
    scenes = drive_on(drive, CODES)
    drive_on(alone, CODES)
    model, scene = counting.world_model, scenes[-1]
    assert list(scene.pictures) == ["reality", "reconstruction", "dream"]
    assert drive.over
    assert scene.readings[0].steps == LAST
    np.testing.assert_array_equal(drive.dream.observation, alone.dream.observation)
    seen = scene.pictures["reality"]
    np.testing.assert_array_equal(seen, frame_of(LAST, CODES[-1]))
    np.testing.assert_array_equal(scene.pictures["reconstruction"], model.decode(model.encode(seen)[0]))
    assert not list(drive.decide(CODES[0])), "what is over goes no further"


def test_the_dream_catches_up_with_reality_when_both_are_asked_for_again(counting):
    drive = Drive(counting, None, 2, "both")
    drive_on(drive, CODES[:3])
    assert np.abs(drive.dream.observation - drive.real.observation).max() > 1e-3
    drive.show("both")
    np.testing.assert_array_equal(drive.dream.observation, drive.real.observation)
    drive_on(drive, CODES[3:4])
    dreamt = drive.dream.observation.copy()
    drive.show("dream")
    np.testing.assert_array_equal(drive.dream.observation, dreamt)


def test_a_policy_drives_as_its_score_says(tiny):
    rng = np.random.default_rng(1)
    size = LinearController.zeros(tiny.world_model).parameters.size
    controller = LinearController(rng.standard_normal(size), TINY_TASK.name, tiny.codec)
    player = resolve(controller, tiny.env)
    for seed in range(3):
        (played,) = play_episodes(player, [seed], keep="episode")
        drive = Drive(player, player.policy, seed, "real")
        drive.hand_over()
        while not drive.over:
            drive_on(drive, [np.zeros(3, np.float32)])
        assert drive.real.rewards == played.rewards.tolist()
        episode = drive.episode()
        for name in ("frames", "actions", "rewards", "targets", "terminated", "truncated", "env_id", "policy", "task"):
            np.testing.assert_array_equal(getattr(episode, name), getattr(played.episode, name), name)


def test_the_wheel_changes_hands(tiny):
    policy = CallablePolicy(lambda observation: 2, "right")
    drive = Drive(tiny, policy, 0, "real")
    left, right = np.eye(3, dtype=np.float32)[[0, 2]]
    drive_on(drive, [left])
    drive.hand_over()
    drive_on(drive, [left])
    drive.hand_over()
    drive_on(drive, [left])
    np.testing.assert_array_equal(drive.episode().actions, [left, right, left])
    assert drive.episode().policy == "hand+right"
    drive.begin_anew()
    drive_on(drive, [left])
    assert drive.episode().policy == "hand"
    with pytest.raises(WindowError, match="name one with --policy"):
        Drive(tiny, None, 0, "dream").hand_over()
    broken = Drive(tiny, CallablePolicy(lambda observation: 7, "broken"), 0, "dream")
    broken.hand_over()
    with pytest.raises(PolicyError, match=r"'broken': action 7 is not in Discrete"):
        drive_on(broken, [left])


def test_heat_changes_the_dream_and_not_its_noise(counting):
    cool, hot = Drive(counting, None, 0, "dream"), Drive(counting, None, 0, "dream")
    cool.heat(-99)
    assert cool.temperature == LEAST_TEMPERATURE
    hot.heat(3)
    assert hot.temperature == 4.0
    cold, warm = drive_on(cool, CODES[:1])[-1], drive_on(hot, CODES[:1])[-1]
    size = counting.world_model.latent_size
    np.testing.assert_array_equal(cool.dream.observation[size:], hot.dream.observation[size:])
    assert np.abs(cool.dream.observation[:size] - hot.dream.observation[:size]).max() > 0.1
    assert cold.readings[0].predicted == warm.readings[0].predicted == pytest.approx(cool.dream.rewards[-1], abs=1e-5)
    assert cold.readings[0].certainty > warm.readings[0].certainty > 0
    assert 0 < cold.readings[0].entropy < warm.readings[0].entropy < np.log(5)


def test_a_start_is_repeated_or_the_next_one(counting):
    drive = Drive(counting, None, 4, "dream")
    start = drive.dream.start
    first = [scene.pictures["dream"] for scene in drive_on(drive, CODES)]
    drive.begin_anew()
    assert not drive.dream.rewards
    np.testing.assert_array_equal([scene.pictures["dream"] for scene in drive_on(drive, CODES)], first)
    drive.begin_next()
    assert drive.dream.start == (start + 1) % 6
    drive.show("real")
    drive_on(drive, CODES[:2])
    drive.show("dream")
    begun = drive.dream.observation.copy()
    drive_on(drive, CODES[:2])
    drive.begin_anew()
    np.testing.assert_array_equal(drive.dream.observation, begun)
    drive.show("both")
    drive.begin_next()
    assert drive.real.seed == 5
    assert not drive.real.rewards
    np.testing.assert_array_equal(drive.dream.observation, drive.real.observation)


def test_a_saved_drive_is_read_by_training(counting, tiny, tmp_path):
    drive = Drive(counting, None, 3, "real")
    drive_on(drive, CODES[:2])
    first = save_episode(tmp_path, drive.episode(), counting)
    drive_on(drive, CODES[2:])
    second = save_episode(tmp_path, drive.episode(), counting)
    assert [first.name, second.name] == ["episode-000000.tfrecord", "episode-000001.tfrecord"]
    part, whole = read_episode(first), read_episode(second)
    assert (len(part), part.truncated, part.terminated.any()) == (2, True, False)
    assert (len(whole), whole.truncated, whole.terminated.tolist()) == (5, False, [False] * 4 + [True])
    np.testing.assert_array_equal(
        whole.frames[:4], [frame_of(0, (0, 0)), *(frame_of(3 * n + 3, CODES[n]) for n in range(3))]
    )
    paid = np.array([reward_of(code) for code in CODES]) * [3, 3, 3, 3, 1]  # it ends in the last decision's first step
    np.testing.assert_allclose(whole.rewards, paid, rtol=1e-6)
    np.testing.assert_allclose(whole.targets, 3 * paid, rtol=1e-6)
    assert whole.seed == 3
    check_collections([tmp_path], COUNTING_TASK)
    assert (collected_task(tmp_path), collected_frame_skip([tmp_path])) == ("counting", 3)
    assert len(FrameStore(list_episodes(tmp_path))) == 9
    np.testing.assert_array_equal(whole.actions, CODES)
    other = Drive(tiny, None, 0, "real")
    drive_on(other, np.eye(3, dtype=np.float32))
    with pytest.raises(DataError, match="--output"):
        save_episode(tmp_path, other.episode(), tiny)


def test_there_is_nothing_to_save_of_a_dream(counting):
    drive = Drive(counting, None, 0, "dream")
    drive_on(drive, CODES)
    with pytest.raises(DataError, match="a dream is no episode"):
        drive.episode()
    drive.show("real")
    with pytest.raises(DataError, match="nothing was driven"):
        drive.episode()


def test_without_a_world_model_reality_alone_is_driven(tiny):
    player = resolve("random", EnvSettings(task="tests.tiny_game:TINY_TASK"))
    drive = Drive(player, None, 1, "real")
    scene = drive_on(drive, np.eye(3, dtype=np.float32)[[2]])[-1]
    assert scene.pictures["reality"].shape == (32, 36, 3), "the game's own picture"
    assert scene.readings[0].predicted is scene.readings[0].certainty is None
    assert len(drive.episode()) == 1
    for what in (lambda: drive.show("dream"), lambda: drive.heat(1), lambda: Drive(player, None, 0, "both")):
        with pytest.raises(WindowError, match="--world-model"):
            what()
    drive.close()
