"""How fast episodes are written and read: PNG frames in and out of their files."""

from pathlib import Path

import cv2
import numpy as np

from dreamgym.data.episodes import Episode, read_episode, write_episode
from scripts.benchmarks.measure import Measure

_STEPS = 200


def data_measures(folder: Path) -> list[Measure]:
    """Frames a second of writing and of reading one episode, encoding included."""
    episode, path = road_episode(), folder / "episode-000000.tfrecord"
    write_episode(path, episode)

    def write() -> float:
        write_episode(path, episode)
        return _STEPS + 1

    def read() -> float:
        read_episode(path)
        return _STEPS + 1

    return [Measure("PNG write", "frames/s", write), Measure("PNG read", "frames/s", read)]


def road_episode() -> Episode:
    """An episode whose frames are about as hard to compress as the game's: a winding road on grass."""
    rng = np.random.default_rng(0)
    frames = np.empty((_STEPS + 1, 64, 64, 3), np.uint8)
    for t in range(_STEPS + 1):
        frames[t] = (102, 204, 102)
        bends = 32 + 14 * np.sin(t / 9 + np.linspace(0, 3, 9)) + rng.normal(0, 1, 9)
        points = np.stack([bends, np.linspace(0, 64, 9)], axis=-1).astype(np.int32)
        cv2.polylines(frames[t], [points], False, (105, 105, 105), 13, cv2.LINE_AA)
        cv2.rectangle(frames[t], (30, 44), (33, 50), (204, 0, 0), -1)
    zeros = np.zeros(_STEPS, np.float32)
    actions = rng.random((_STEPS, 3), np.float32)
    return Episode(frames, actions, zeros, zeros, zeros > 0, True, 0, "CarRacing-v3", "smoothed", "car_racing")
