"""FastCarRacing against the stock env: equal frames, states, rewards and flags, and its own options."""

import math
import os
import threading
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.box2d.car_racing import CarRacing
from gymnasium.error import InvalidAction
from gymnasium.utils.env_checker import check_env

from dreamgym.benchmark.car_racing import compare_frames, compare_renderers, drive_fast, write_picture
from dreamgym.games.car_racing.env import FastCarRacing

GAS = np.array([0.1, 1.0, 0.0], np.float32)


@pytest.mark.parametrize(("seed", "steps"), [(0, 60), (11, 20)])
def test_frames_states_rewards_and_flags_are_the_stock_ones(seed, steps):
    result = compare_frames([seed], steps)
    assert set(result) == {
        "driver",
        "noisy driver",
        "random",
        "off the field",
        "domain_randomize",
        "zoom",
        "all",
    }
    for name, row in result.items():
        assert row["same_states"], name
        assert row["identical"] == row["frames"], (name, row)
        assert row["worst"] == row["worst_64"] == 0, name
    if steps > 58:
        assert result["off the field"]["frames"] < 5 * steps + 1  # it ended by leaving the field


def test_beyond_the_field_and_late_in_a_lap_frames_are_the_stock_ones():
    stock, fast = CarRacing(), FastCarRacing()
    stock.reset(seed=4), fast.reset(seed=4)
    for env in (stock, fast):
        for body in env.car.drawlist:
            body.position = (body.position[0] + 300, body.position[1] + 250)
        env.t, env.reward = 1.0, -987.6
    assert np.array_equal(stock.step(GAS)[0], fast.step(GAS)[0])
    assert (fast.step(GAS)[0][:40] == 0).any()


def test_the_driver_visits_tiles_so_their_colours_change():
    env = FastCarRacing()
    env.reset(seed=0)
    for _ in range(150):
        env.step(drive_fast(env, env.np_random, GAS))
    assert env.tile_visited_count > 20


def test_rendered_images_are_the_stock_ones():
    stock, fast = CarRacing(render_mode="rgb_array"), FastCarRacing(render_mode="rgb_array")
    pictures = []
    for env in (stock, fast):
        env.reset(seed=1)
        for _ in range(30):
            env.step(np.array([1, 1, 0.3], np.float32))  # spins: leaves skid marks
        pictures.append(env.render())
    assert np.array_equal(*pictures)
    fast.close()


def test_without_drawing_only_the_frames_differ():
    drawn, blind = FastCarRacing(render_mode="rgb_array"), FastCarRacing(render_mode="rgb_array", draw=False)
    assert not blind.reset(seed=2)[0].any()
    drawn.reset(seed=2)
    for _ in range(40):
        seen, unseen = drawn.step(GAS), blind.step(GAS)
        assert seen[1:] == unseen[1:]
    assert unseen[0] in blind.observation_space
    assert seen[0].any()
    assert not unseen[0].any()
    assert np.array_equal(drawn.render(), blind.render()), "rendered images are drawn all the same"


def test_renders_observations_where_the_stock_env_does():
    env = FastCarRacing(render_mode="state_pixels")
    observation, _ = env.reset(seed=1)
    assert np.array_equal(env.render(), observation)


def test_discrete_actions_are_the_stock_ones():
    stock, fast = CarRacing(continuous=False), FastCarRacing(continuous=False)
    assert stock.action_space == fast.action_space
    stock.reset(seed=2), fast.reset(seed=2)
    for action in [3, 3, 3, 1, 1, 2, 4, 0] * 2:
        assert all(np.array_equal(a, b) for a, b in zip(stock.step(action), fast.step(action), strict=True))
    with pytest.raises(InvalidAction):
        fast.step(5)


def test_resets_keep_colours_when_asked_to():
    stock, fast = CarRacing(domain_randomize=True), FastCarRacing(domain_randomize=True)
    for options in (None, {"randomize": False}, {"randomize": True}):
        frames = [env.reset(seed=5, options=options)[0] for env in (stock, fast)]
        assert np.array_equal(*frames)


def test_observations_are_contiguous_and_owned():
    env = FastCarRacing()
    first, _ = env.reset(seed=0)
    before = first.copy()
    second = env.step(GAS)[0]
    for frame in (first, second):
        assert frame.flags.c_contiguous
        assert frame.flags.owndata
        assert frame.shape == (96, 96, 3)
        assert frame.dtype == np.uint8
    assert np.array_equal(first, before)
    assert not np.shares_memory(first, second)


def play(seed, steps=40):
    env = FastCarRacing()
    frames = [env.reset(seed=seed)[0]]
    frames += [env.step(GAS)[0] for _ in range(steps)]
    return np.array(frames)


def test_two_envs_in_two_threads_do_not_disturb_each_other():
    alone = [play(0), play(1)]
    together: list = [None, None]

    def work(seed):
        together[seed] = play(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(alone[0], together[0])
    assert np.array_equal(alone[1], together[1])


@pytest.mark.parametrize("tile", [0, 57, 10_000])
def test_starts_on_a_tile_at_a_speed(tile):
    env = FastCarRacing()
    env.reset(seed=6)
    track = env.track
    env.reset(seed=6, options={"start_tile": tile, "start_speed": 25.0})
    assert env.track == track
    beta, x, y = track[tile % len(track)][1:4]
    hull = env.car.hull
    assert math.hypot(hull.position[0] - x, hull.position[1] - y) < 1.0  # after one step of 0.02 s
    # The stock car's wheels are placed without its rotation, and the first step turns the hull.
    assert hull.angle == pytest.approx(beta, abs=0.1)
    ahead = -math.sin(beta), math.cos(beta)
    assert hull.linearVelocity[0] * ahead[0] + hull.linearVelocity[1] * ahead[1] == pytest.approx(25.0, rel=0.02)
    for wheel in env.car.wheels:
        assert wheel.omega * wheel.wheel_rad == pytest.approx(25.0, rel=0.05)
    assert env.t == pytest.approx(0.02)


def test_random_starts_are_seeded_and_differ():
    places = []
    for seed in (1, 1, 2):
        env = FastCarRacing()
        env.reset(seed=seed, options={"random_start": True})
        places.append((*env.car.hull.position, *env.car.hull.linearVelocity))
    assert places[0] == places[1] != places[2]
    assert any(abs(place[2]) + abs(place[3]) > 1 for place in places)


def test_skipping_the_zoom_leaves_the_first_second_out():
    env, zooming = FastCarRacing(), FastCarRacing()
    close, far = env.reset(seed=1, options={"skip_zoom": True})[0], zooming.reset(seed=1)[0]
    assert env.t == pytest.approx(1.02)
    assert not np.array_equal(close, far)
    zooming.t = 1.0
    assert np.array_equal(close, zooming._render("state_pixels"))


def test_memory_stays_flat_over_resets():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs Linux's /proc")
    env = FastCarRacing()
    for seed in range(20):
        env.reset(seed=seed)
    before = resident()
    for seed in range(80):
        env.reset(seed=seed)
    assert resident() - before < 8e6


def test_gymnasiums_checker_finds_nothing(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make("FastCarRacing-v0", render_mode="rgb_array").unwrapped)


def test_the_benchmark_measures_the_renderer(tmp_path):
    speeds = compare_renderers(0.0, [0])
    assert speeds["fast"]["ratio"] > 2  # about ten on a quiet machine; this one may be busy
    write_picture(tmp_path / "frames.png", steps=5)
    assert (tmp_path / "frames.png").stat().st_size > 1000
