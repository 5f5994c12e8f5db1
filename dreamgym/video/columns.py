"""Labelled columns of frames side by side, with a plot of rewards below."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dreamgym.errors import VideoError
from dreamgym.running.progress import format_score

COLOURS = ((90, 200, 120), (240, 150, 70), (110, 160, 250), (230, 110, 190))  # RGB, one per line of the plot
LABEL_HEIGHT, STRIP_HEIGHT, GAP = 28, 84, 8
_BACKGROUND, _TEXT = 24, (235, 235, 235)


def side_by_side(
    columns: Mapping[str, Sequence[np.ndarray] | np.ndarray],
    rewards: Mapping[str, Sequence[float] | np.ndarray] | None = None,
    scale: int = 4,
    mark: int = 0,
) -> np.ndarray:
    """Puts columns of frames side by side, aligned in time.

    Args:
        columns: Frames by label, uint8 ``(T, h, w, 3)`` each, all of one height. A column that ends early repeats its
            last frame.
        rewards: Rewards by label; their cumulative sums are plotted below the columns. Reward t was earned between
            frames t and t + 1.
        scale: Picture pixels per frame pixel, a whole number.
        mark: The frame at which the plot shows a vertical line.

    Returns:
        uint8, ``(T, height, width, 3)``. T is the length of the longest column.
    """
    if not columns or any(len(frames) == 0 for frames in columns.values()):
        raise VideoError("side_by_side needs at least one column, and a frame in each")
    length = max(len(frames) for frames in columns.values())
    stacks = [_column(label, frames, length, scale) for label, frames in columns.items()]
    gap = np.full((length, stacks[0].shape[1], GAP, 3), _BACKGROUND, np.uint8)
    spaced = [part for stack in stacks for part in (gap, stack)][1:]
    picture = np.concatenate(spaced, axis=2)
    if rewards:
        picture = np.concatenate([picture, reward_strip(rewards, length, picture.shape[2], mark)], axis=1)
    return picture


def reward_strip(
    rewards: Mapping[str, Sequence[float] | np.ndarray], length: int, width: int, mark: int = 0
) -> np.ndarray:
    """Plots of the cumulative rewards up to each frame, uint8 ``(length, STRIP_HEIGHT, width, 3)``."""
    import cv2

    sums = {label: np.concatenate([[0.0], np.cumsum(values)])[:length] for label, values in rewards.items()}
    low = min(float(values.min()) for values in sums.values())
    high = max(float(values.max()) for values in sums.values())
    span = max(high - low, 1e-6)
    left, usable = 110, max(width - 118, 1)

    def points(values: np.ndarray) -> np.ndarray:
        x = left + np.arange(len(values)) * usable / max(length - 1, 1)
        y = STRIP_HEIGHT - 8 - (values - low) / span * (STRIP_HEIGHT - 16)
        return np.stack([x, y], axis=1).round().astype(np.int32)

    lines = {label: points(values) for label, values in sums.items()}
    strip = np.full((length, STRIP_HEIGHT, width, 3), _BACKGROUND, np.uint8)
    for t, picture in enumerate(strip):
        if 0 < mark <= t:
            x = left + round(mark * usable / max(length - 1, 1))
            cv2.line(picture, (x, 4), (x, STRIP_HEIGHT - 4), (90, 90, 90), 1)
        for i, (label, line) in enumerate(lines.items()):
            colour = COLOURS[i % len(COLOURS)]
            cv2.polylines(picture, [line[: t + 1]], False, colour, 2, cv2.LINE_AA)
            value = sums[label][min(t, len(line) - 1)]
            _write(picture, f"{label} {format_score(value)}", (6, 24 + 22 * i), colour)
    return strip


def _column(label: str, frames: Any, length: int, scale: int) -> np.ndarray:
    pictures = np.asarray(frames, np.uint8)
    pictures = np.concatenate([pictures, np.repeat(pictures[-1:], length - len(pictures), axis=0)])
    pictures = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    header = np.full((LABEL_HEIGHT, pictures.shape[2], 3), _BACKGROUND, np.uint8)
    _write(header, label, (6, LABEL_HEIGHT - 9), _TEXT)
    return np.concatenate([np.broadcast_to(header, (length, *header.shape)), pictures], axis=1)


def _write(picture: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    import cv2

    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
