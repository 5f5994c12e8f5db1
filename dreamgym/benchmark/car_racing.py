"""FastCarRacing against stock CarRacing-v3, and against EnvPool's where that is installed: speed and frames."""

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from gymnasium.envs.box2d.car_racing import CarRacing
from numpy.typing import NDArray

from dreamgym.games.car_racing.env import FastCarRacing
from dreamgym.games.car_racing.task import CAR_RACING

Action = NDArray[np.float32]
Frame = NDArray[np.uint8]
Drive = Callable[[Any, np.random.Generator, Action], Action]
_BLOCK = 50
_START: Action = np.zeros(3, np.float32)


def drive_fast(env: Any, rng: np.random.Generator, last: Action) -> Action:
    """Follows the track, which it can see in full: fast on straights, slower where the road bends."""
    track = np.array([tile[1:] for tile in env.track])
    x, y = env.car.hull.position
    nearest = int(np.argmin((track[:, 1] - x) ** 2 + (track[:, 2] - y) ** 2))
    ahead = track[(nearest + 5) % len(track)]
    bend = track[(nearest + 12) % len(track), 0] - track[nearest, 0]
    bend = abs((bend + np.pi) % (2 * np.pi) - np.pi)
    off = np.arctan2(ahead[2] - y, ahead[1] - x) - np.pi / 2 - env.car.hull.angle
    off = (off + np.pi) % (2 * np.pi) - np.pi
    spare = max(60.0 - 35.0 * bend, 25.0) - np.hypot(*env.car.hull.linearVelocity)
    return np.array([np.clip(-2.0 * off, -1, 1), 0.6 * (spare > 0), 0.4 * (spare < -5)], np.float32)


def drive_noisily(env: Any, rng: np.random.Generator, last: Action) -> Action:
    """Follows the track with a shaky hand."""
    noisy = drive_fast(env, rng, last) + rng.normal(0, (0.4, 0.3, 0.1))
    return np.clip(noisy, (-1, 0, 0), 1).astype(np.float32)


def drive_at_random(env: Any, rng: np.random.Generator, last: Action) -> Action:
    """Smoothed noise, rather on the gas than on the brake."""
    drift = last * 0.9 + rng.normal((0, 0.05, -0.02), (0.3, 0.3, 0.1))
    return np.clip(drift, (-1, 0, 0), 1).astype(np.float32)


def drive_off_the_field(env: Any, rng: np.random.Generator, last: Action) -> Action:
    """Straight on, off the road and the field, which ends the episode; gently, or the wheels would spin."""
    return np.array([0.0, 0.4, 0.0], np.float32)


def compare_renderers(seconds: float, seeds: Sequence[int]) -> dict[str, dict[str, float]]:
    """Medians of stock, fast and, where it is installed, EnvPool: steps per second, seconds per reset, ratio to stock.

    All get the same actions, in turns, for about ``seconds`` and at least one round per seed. Times are this process's
    CPU seconds, so that other processes count for little. They include the physics, but no compilation.
    """
    envs: dict[str, Any] = {"stock": CarRacing(), "fast": FastCarRacing()}
    if importlib.util.find_spec("envpool") is not None:
        envs["envpool"] = _envpool()
    plans = {seed: _plan(seed, 6 * _BLOCK) for seed in seeds}
    rounds: dict[str, list[float]] = {name: [] for name in envs}
    resets: dict[str, list[float]] = {name: [] for name in envs}
    start = time.process_time()
    while not rounds["stock"] or time.process_time() - start < seconds:
        for seed, plan in plans.items():
            for name, env in envs.items():
                resets[name].append(_cpu_seconds(env.reset, seed=seed))
            for k in range(0, len(plan), _BLOCK):
                for name, env in envs.items():
                    spent = sum(_cpu_seconds(env.step, action) for action in plan[k : k + _BLOCK])
                    rounds[name].append(_BLOCK / spent)
    return {
        name: {
            "steps_per_second": median(rounds[name]),
            "reset_seconds": median(resets[name]),
            "ratio": median(a / b for a, b in zip(rounds[name], rounds["stock"], strict=True)),
        }
        for name in envs
    }


def compare_frames(seeds: Sequence[int] = range(6), steps: int = 120) -> dict[str, dict[str, float]]:
    """Drives stock and fast side by side, ``steps`` steps per seed and way of driving, and compares them.

    Returns for each way, and for ``all`` together: ``frames``, ``identical`` (how many frames are), ``mean`` and
    ``worst`` (of a frame's mean error, 0 to 255), ``mean_64`` and ``worst_64`` (the same for the 64x64 frames that V
    sees), and ``same_states`` (1.0 if all states, rewards and flags were equal).
    """
    ways: dict[str, tuple[Drive, dict[str, Any], int]] = {
        "driver": (drive_fast, {}, steps),
        "noisy driver": (drive_noisily, {}, steps),
        "random": (drive_at_random, {}, steps),
        "off the field": (drive_off_the_field, {}, 5 * steps),
        "domain_randomize": (drive_fast, {"domain_randomize": True}, steps),
        "zoom": (drive_at_random, {}, min(steps, 50)),
    }
    rows = {
        name: [
            (_error(stock, fast), _error(CAR_RACING.frame(stock), CAR_RACING.frame(fast)), same)
            for seed in seeds
            for stock, fast, same in _drive_both(seed, *way)
        ]
        for name, way in ways.items()
    }
    rows["all"] = [row for some in rows.values() for row in some]
    return {name: _summary(some) for name, some in rows.items()}


def write_picture(path: Path | str, seed: int = 3, steps: int = 150) -> None:
    """Writes stock | fast | ten times their difference as a PNG, four times enlarged."""
    *_, (stock, fast, _) = _drive_both(seed, drive_fast, {}, steps)
    difference = np.clip(10 * np.abs(stock.astype(int) - fast), 0, 255).astype(np.uint8)
    picture = np.hstack([stock, fast, difference]).repeat(4, axis=0).repeat(4, axis=1)
    if not cv2.imwrite(str(path), picture[:, :, ::-1]):
        raise OSError(f"{path}: cannot be written")


def _plan(seed: int, steps: int) -> list[Action]:
    """The noisy driver's first actions on a track."""
    env, rng = FastCarRacing(), np.random.default_rng(seed)
    env.reset(seed=seed)
    plan = []
    for _ in range(steps):
        plan.append(drive_noisily(env, rng, _START))
        env.step(plan[-1])
    return plan


def _envpool() -> SimpleNamespace:
    """One EnvPool env on one thread. Its seed is fixed when it is made, so every reset gives a new track."""
    env = importlib.import_module("envpool").make_gymnasium("CarRacing-v3", num_envs=1, num_threads=1, seed=0)
    return SimpleNamespace(reset=lambda seed: env.reset(), step=lambda action: env.step(action[None]))


def _cpu_seconds(function: Callable[..., Any], *arguments: Any, **options: Any) -> float:
    start = time.process_time()
    function(*arguments, **options)
    return time.process_time() - start


def _drive_both(seed: int, drive: Drive, options: dict[str, Any], steps: int) -> Iterator[tuple[Frame, Frame, bool]]:
    """Yields the frames of stock and fast, and whether state, reward and flags were equal. Ends with the episode."""
    stock, fast = CarRacing(**options), FastCarRacing(**options)
    rng, action = np.random.default_rng(seed), _START
    results: list[tuple[Any, ...]] = [stock.reset(seed=seed), fast.reset(seed=seed)]
    for k in range(steps + 1):
        same = results[0][1:] == results[1][1:] and _state(stock) == _state(fast)
        yield results[0][0], results[1][0], same
        if k == steps or (k and results[0][2]):
            return
        action = drive(fast, rng, action)
        results = [stock.step(action), fast.step(action)]


def _state(env: CarRacing) -> list[Any]:
    assert env.car is not None
    bodies = [(*b.position, b.angle, *b.linearVelocity, b.angularVelocity) for b in env.car.drawlist]
    return [*bodies, *((w.omega, w.phase, w.gas, w.brake) for w in env.car.wheels), env.tile_visited_count]


def _error(a: Frame, b: Frame) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def _summary(rows: list[tuple[float, float, bool]]) -> dict[str, float]:
    full, cut = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return {
        "frames": len(rows),
        "identical": int((full == 0).sum()),
        "mean": float(full.mean()),
        "worst": float(full.max()),
        "mean_64": float(cut.mean()),
        "worst_64": float(cut.max()),
        "same_states": float(all(row[2] for row in rows)),
    }
