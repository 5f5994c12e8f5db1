"""FastCarRacing against the stock env, and its renderer against pygame itself."""

import hashlib
import math
import os
import runpy
import subprocess
import sys
import threading
import warnings

import gymnasium as gym
import numba
import numpy as np
import pygame
import pytest
from gymnasium.envs.box2d.car_racing import CarRacing
from gymnasium.error import InvalidAction
from gymnasium.utils.env_checker import check_env
from pygame import gfxdraw

from dreamgym.envs import car_canvas, car_compile, car_raster, car_scene, car_shrink, car_view
from dreamgym.envs.car_racing import FastCarRacing
from scripts.benchmarks.car_racing import compare_frames, compare_renderers, drive_fast, write_picture

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
        assert result["off the field"]["frames"] < 5 * steps + 1  # it ended because the field did


def test_beyond_the_field_and_late_in_a_lap_frames_are_the_stock_ones():
    stock, fast = CarRacing(), FastCarRacing()
    stock.reset(seed=4), fast.reset(seed=4)
    for env in (stock, fast):
        for body in env.car.drawlist:
            body.position = (body.position[0] + 300, body.position[1] + 250)
        env.t, env.reward = 1.0, -987.6
    assert np.array_equal(stock.step(GAS)[0], fast.step(GAS)[0])
    assert (fast.step(GAS)[0][:40] == 0).any()


def test_the_driver_drives_so_that_tiles_change_their_colours():
    env = FastCarRacing()
    env.reset(seed=0)
    for _ in range(150):
        env.step(drive_fast(env, env.np_random, GAS))
    assert env.tile_visited_count > 20


def paint_with_pygame(polygons):
    """Paints (corners with y up, colour, whether anti-aliased) and shrinks, as the stock renderer does."""
    surface = pygame.Surface((1000, 800))
    for corners, color, fine in polygons:
        if fine:
            gfxdraw.aapolygon(surface, corners, color)
            gfxdraw.filled_polygon(surface, corners, color)
        else:
            pygame.draw.polygon(surface, color, corners)
    surface = pygame.transform.flip(surface, False, True)
    small = pygame.transform.smoothscale(surface, (96, 96))
    return pygame.surfarray.array3d(small).swapaxes(0, 1)


def paint(polygons):
    room = car_scene.new_polygons(len(polygons))
    for k, (corners, (red, green, blue), fine) in enumerate(polygons):
        room.corners[k, : len(corners)] = corners
        room.sizes[k], room.colors[k] = len(corners), red << 16 | green << 8 | blue
        room.kinds[k] = car_canvas.ANTIALIASED if fine else car_canvas.DRAWN
    canvas = car_view._new_canvas()
    frame = np.empty((96, 96, 3), np.uint8)
    car_raster.draw(canvas, room, len(polygons))
    car_shrink.shrink(canvas, car_shrink.ROW_AXIS, car_shrink.COLUMN_AXIS, frame)
    return frame


def random_polygon(rng):
    color, fine = tuple(int(part) for part in rng.integers(0, 256, 3)), bool(rng.random() < 0.8)
    if fine and rng.random() < 0.3:  # any four points: may cross itself
        return [tuple(int(v) for v in rng.integers(-400, 1300, 2)) for _ in range(4)], color, fine
    angle = rng.choice([rng.uniform(0, 7), rng.integers(4) * math.pi / 2])
    size = rng.choice([3, 30, 300, 3000])
    half_width, half_height = rng.uniform(0, size, 2)
    x, y = rng.uniform(-100, 1100), rng.uniform(-100, 900)
    cos, sin = math.cos(angle), math.sin(angle)
    corners = [(half_width, half_height), (-half_width, half_height)]
    corners += [(-a, -b) for a, b in corners]
    return [(int(x + cos * a - sin * b), int(y + sin * a + cos * b)) for a, b in corners], color, fine


@pytest.mark.parametrize("seed", range(60))
def test_any_polygons_look_as_pygame_draws_them(seed):
    rng = np.random.default_rng(seed)
    polygons = [random_polygon(rng) for _ in range(12)]
    # What the dashboard covers is not drawn: leave its rows out.
    assert np.array_equal(paint(polygons)[:84], paint_with_pygame(polygons)[:84])


def test_many_layers_of_polygons_look_as_pygame_draws_them():
    rng = np.random.default_rng(0)
    field = [(-5, -5), (1005, -5), (1005, 805), (-5, 805)]
    polygons = []
    for _ in range(30):  # each layer opens tiles that the next one makes plain again
        polygons += [random_polygon(rng) for _ in range(9)] + [(field, (20, 200, 30), True)]
    polygons += [random_polygon(rng) for _ in range(9)]
    assert np.array_equal(paint(polygons)[:84], paint_with_pygame(polygons)[:84])


def test_what_people_see_is_the_stock_picture():
    stock, fast = CarRacing(render_mode="rgb_array"), FastCarRacing(render_mode="rgb_array")
    pictures = []
    for env in (stock, fast):
        env.reset(seed=1)
        for _ in range(30):
            env.step(np.array([1, 1, 0.3], np.float32))  # spins: leaves skid marks
        pictures.append(env.render())
    assert np.array_equal(*pictures)
    fast.close()


def test_what_is_not_drawn_is_driven_the_same():
    drawn, blind = FastCarRacing(render_mode="rgb_array"), FastCarRacing(render_mode="rgb_array", draw=False)
    assert not blind.reset(seed=2)[0].any()
    drawn.reset(seed=2)
    for _ in range(40):
        seen, unseen = drawn.step(GAS), blind.step(GAS)
        assert seen[1:] == unseen[1:]
    assert unseen[0] in blind.observation_space
    assert seen[0].any()
    assert not unseen[0].any()
    assert np.array_equal(drawn.render(), blind.render()), "what people see is drawn all the same"


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


PLAIN_PYTHON = """
import sys, hashlib
from dreamgym.envs.car_racing import FastCarRacing
assert "numba" not in sys.modules, "importing the env loads numba"
env = FastCarRacing()
first, _ = env.reset(seed=3, options={"start_tile": 40, "start_speed": 20.0, "skip_zoom": True})
import numba
assert numba.config.DISABLE_JIT
print(hashlib.sha256(first.tobytes()).hexdigest())
"""


def test_frames_are_the_same_when_compilation_is_switched_off():
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", PLAIN_PYTHON]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    options = {"start_tile": 40, "start_speed": 20.0, "skip_zoom": True}
    first, _ = FastCarRacing().reset(seed=3, options=options)
    assert done.stdout.split() == [hashlib.sha256(first.tobytes()).hexdigest()]


def test_where_nothing_can_be_cached_it_says_so_and_works(monkeypatch):
    njit = numba.njit

    def no_cache(*args, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available for file")
        return njit(*args, **options)

    monkeypatch.setattr(numba, "njit", no_cache)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
        double = car_compile.compiled(lambda x: 2 * x)
    assert double(4) == 8


def test_machine_code_is_kept_until_any_of_the_renderers_modules_changes(tmp_path, monkeypatch):
    path = tmp_path / "doubling.py"
    path.write_text("from dreamgym.envs.car_compile import compiled\n\n@compiled\ndef double(x):\n    return 2 * x\n")
    loads = []
    for digest in ("before", "before", "after"):
        monkeypatch.setattr(car_compile, "_sources", lambda digest=digest: digest)
        double = runpy.run_path(str(path))["double"]
        assert double(4) == 8
        loads.append(sum(double.stats.cache_hits.values()))
    assert loads == [0, 1, 0]


@pytest.mark.parametrize("tile", [0, 57, 10_000])
def test_starts_on_a_tile_at_a_speed(tile):
    env = FastCarRacing()
    env.reset(seed=6)
    track = env.track
    env.reset(seed=6, options={"start_tile": tile, "start_speed": 25.0})
    assert env.track == track
    beta, x, y = track[tile % len(track)][1:4]
    hull = env.car.hull
    assert math.hypot(hull.position[0] - x, hull.position[1] - y) < 1.0  # one step of 0.02 s has been made
    # The stock car is put together askew, and its first step pulls it straight.
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


def test_measures_what_the_readme_says(tmp_path):
    speeds = compare_renderers(0.0, [0])
    assert speeds["fast"]["ratio"] > 2  # about ten on a quiet machine; this one may be busy
    write_picture(tmp_path / "frames.png", steps=5)
    assert (tmp_path / "frames.png").stat().st_size > 1000
