"""Video files: H.264 in ``.mp4``, and ``.gif``."""

from collections.abc import Sequence
from pathlib import Path

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
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        _write_gif(part, pictures, fps) if path.suffix == ".gif" else _write_mp4(part, pictures, fps)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def check_suffix(path: str | Path) -> None:
    """Checks a video's name before anything is played."""
    if Path(path).suffix not in (".mp4", ".gif"):
        raise VideoError(f"cannot write {path}: expected a name that ends in .mp4 or .gif")


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
    from PIL import Image

    # One palette for all frames and no dithering: a pixel that does not change keeps its colour. Pillow's `optimize`
    # then stores it as transparent, which compresses to almost nothing.
    step = max(len(frames) // 16, 1)
    palette = Image.fromarray(np.concatenate(list(frames[::step]))).quantize(64, dither=Image.Dither.NONE)
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    duration = max(round(1000 / fps), MIN_GIF_DURATION)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration, loop=0, optimize=True)
