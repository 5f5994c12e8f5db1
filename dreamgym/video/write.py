"""Video files: H.264 in ``.mp4``, and ``.gif``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.errors import VideoError

MIN_GIF_DURATION = 20  # ms; browsers slow down GIFs whose frames last less


def write_video(path: str | Path, frames: Sequence[np.ndarray] | np.ndarray, fps: float = 50) -> Path:
    """Writes frames as H.264 in an ``.mp4`` that every browser plays, or as a ``.gif``.

    Args:
        path: A name that ends in ``.mp4`` or ``.gif``. The file appears whole or not at all.
        frames: uint8, ``(T, height, width, 3)``. H.264 needs even sides: an odd one loses its last line.
        fps: Frames per second. A GIF shows at most 50.
    """
    path = Path(path).expanduser()
    check_suffix(path)
    pictures = np.asarray(frames)
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype != np.uint8 or len(pictures) == 0:
        raise VideoError(f"frames are {pictures.dtype} of shape {pictures.shape}, expected uint8 (T, height, width, 3)")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    try:
        _write_gif(part, pictures, fps) if path.suffix == ".gif" else _write_mp4(part, pictures, fps)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


class Film:
    """An ``.mp4`` that is written frame by frame. It appears whole when it is closed.

    Args:
        path: A name that ends in ``.mp4``.
        fps: Frames per second.
    """

    def __init__(self, path: str | Path, fps: float):
        self.path, self.n_frames = Path(path).expanduser(), 0
        if self.path.suffix != ".mp4":
            raise VideoError(f"cannot write {path}: expected a name that ends in .mp4")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._part = _part(self.path)
        self._writer = _mp4_writer(self._part, fps, "veryfast")  # it is encoded beside what is filmed

    def append(self, frame: np.ndarray) -> None:
        """Adds a frame, uint8 ``(height, width, 3)``; all have the size of the first."""
        height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
        self._writer.append_data(frame[:height, :width])
        self.n_frames += 1

    def close(self) -> Path | None:
        """Finishes the file and returns its path, or None where no frame came."""
        self._writer.close()
        if self.n_frames == 0:
            self._part.unlink(missing_ok=True)
            return None
        self._part.replace(self.path)
        return self.path


def _part(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def check_suffix(path: str | Path) -> None:
    """Checks a video's name before anything is played."""
    if Path(path).suffix not in (".mp4", ".gif"):
        raise VideoError(f"cannot write {path}: expected a name that ends in .mp4 or .gif")


def _write_mp4(path: Path, frames: np.ndarray, fps: float) -> None:
    height, width = frames.shape[1] // 2 * 2, frames.shape[2] // 2 * 2
    with _mp4_writer(path, fps) as writer:
        for frame in frames[:, :height, :width]:
            writer.append_data(frame)


def _mp4_writer(path: Path, fps: float, preset: str = "medium") -> Any:
    import imageio

    options = ["-movflags", "+faststart", "-crf", "26", "-preset", preset]
    return imageio.get_writer(
        path, fps=fps, codec="libx264", quality=None, pixelformat="yuv420p", macro_block_size=2, output_params=options
    )


def _write_gif(path: Path, frames: np.ndarray, fps: float) -> None:
    from PIL import Image

    # One palette for all frames and no dithering: a pixel that does not change keeps its colour. Pillow's `optimize`
    # then stores it as transparent, which compresses to almost nothing.
    step = max(len(frames) // 16, 1)
    palette = Image.fromarray(np.concatenate(list(frames[::step]))).quantize(64, dither=Image.Dither.NONE)
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    duration = max(round(1000 / fps), MIN_GIF_DURATION)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration, loop=0, optimize=True)
