"""Speed of writing and reading episodes, PNG included."""

from pathlib import Path

import cv2
import numpy as np

from dreamgym.benchmark.measure import Measure
from dreamgym.data.episodes import Episode, read_episode, write_episode

_STEPS = 200


def data_measures(folder: Path) -> list[Measure]:
    """Frames per second of writing and of reading one episode, PNG included."""
    episode, path = road_episode(), folder / "episode-000000.tfrecord"
    write_episode(path, episode)
    return [
        Measure.of_calls("PNG write", "frames/s", _STEPS + 1, lambda: write_episode(path, episode)),
        Measure.of_calls("PNG read", "frames/s", _STEPS + 1, lambda: read_episode(path)),
    ]


def road_episode() -> Episode:
    """An episode of a winding road on grass, which compresses about as well as the game's frames."""
    rng = np.random.default_rng(0)
    frames = np.empty((_STEPS + 1, 64, 64, 3), np.uint8)
    for t in range(_STEPS + 1):
        frames[t] = (102, 204, 102)
        bends = 32 + 14 * np.sin(t / 9 + np.linspace(0, 3, 9)) + rng.normal(0, 1, 9)
        points = np.stack([bends, np.linspace(0, 64, 9)], axis=-1).astype(np.int32)
        cv2.polylines(frames[t], [points], False, (105, 105, 105), 13, cv2.LINE_AA)
        cv2.rectangle(frames[t], (30, 44), (33, 50), (204, 0, 0), -1)
    zeros = np.zeros(_STEPS, np.float32)
    return Episode(
        frames=frames,
        actions=rng.random((_STEPS, 3), np.float32),
        rewards=zeros,
        targets=zeros,
        terminated=zeros > 0,
        truncated=True,
        seed=0,
        env_id="CarRacing-v3",
        policy="smoothed",
        task="car_racing",
    )
