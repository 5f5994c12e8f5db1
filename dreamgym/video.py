"""Frames to mp4 and gif: columns side by side, each with its label, and a strip of rewards under them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.errors import VideoError

COLOURS = ((90, 200, 120), (240, 150, 70), (110, 160, 250), (230, 110, 190))  # RGB, one a line of the strip
LABEL_HEIGHT, STRIP_HEIGHT, GAP = 28, 84, 8
_BACKGROUND, _TEXT = 24, (235, 235, 235)


def write_video(path: str | Path, frames: Sequence[np.ndarray] | np.ndarray, fps: float = 50) -> Path:
    """Writes frames as H.264 in an ``.mp4`` that every browser plays, or as a small ``.gif``.

    Args:
        path: Where to, ``.mp4`` or ``.gif``; appears whole or not at all.
        frames: uint8, ``(T, height, width, 3)``; an odd height or width loses its last line, as H.264 wants.
        fps: Frames a second. A gif shows at most 50.

    Raises:
        VideoError: The suffix is another, or there are no frames of that shape.
    """
    path = Path(path)
    check_suffix(path)
    pictures = np.asarray(frames)
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype != np.uint8 or len(pictures) == 0:
        raise VideoError(f"frames are {pictures.dtype} of shape {pictures.shape}, expected uint8 (T, height, width, 3)")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        _write_gif(part, pictures, fps) if path.suffix == ".gif" else _write_mp4(part, pictures, fps)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def check_suffix(path: str | Path) -> None:
    """Says at once, before anything is played, that a file's name will not do.

    Raises:
        VideoError: The name ends in neither ``.mp4`` nor ``.gif``.
    """
    if Path(path).suffix not in (".mp4", ".gif"):
        raise VideoError(f"cannot write {path}: expected a name that ends in .mp4 or .gif")


def side_by_side(
    columns: Mapping[str, Sequence[np.ndarray] | np.ndarray],
    rewards: Mapping[str, Sequence[float] | np.ndarray] | None = None,
    scale: int = 4,
    mark: int = 0,
) -> np.ndarray:
    """Columns of frames beside each other, aligned in time.

    Args:
        columns: Frames by label, uint8 ``(T, h, w, 3)`` each, all of one height; ``scale`` times as large in the
            picture. A column that ends early keeps its last frame.
        rewards: Rewards by label, drawn as their running sums in a strip under the columns. Reward t was earned
            between frames t and t + 1.
        scale: A whole number of picture pixels a frame's pixel.
        mark: The frame at which the strip shows a line: where a dream is on its own.

    Returns:
        uint8, ``(T, height, width, 3)``, T the longest column's.

    Raises:
        VideoError: There is no column, or one is empty.
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
    """Running sums of rewards as lines that grow with time, uint8 ``(length, STRIP_HEIGHT, width, 3)``."""
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
            _write(picture, f"{label} {value:.0f}", (6, 24 + 22 * i), colour)
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


def _write_mp4(path: Path, frames: np.ndarray, fps: float) -> None:
    import imageio

    height, width = frames.shape[1] // 2 * 2, frames.shape[2] // 2 * 2
    options = ["-movflags", "+faststart", "-crf", "26"]
    with imageio.get_writer(
        path, fps=fps, codec="libx264", quality=None, pixelformat="yuv420p", macro_block_size=2, output_params=options
    ) as writer:
        for frame in frames[:, :height, :width]:
            writer.append_data(frame)


def _write_gif(path: Path, frames: np.ndarray, fps: float) -> None:
    """One palette for all frames, without dithering: pixels that stay the same then cost nothing."""
    from PIL import Image

    step = max(len(frames) // 16, 1)
    sample = np.concatenate(list(frames[::step]))
    palette = Image.fromarray(sample).quantize(64, dither=Image.Dither.NONE)
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    duration = max(round(1000 / fps), 20)  # ms; browsers slow down what is quicker
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration, loop=0, optimize=False)
