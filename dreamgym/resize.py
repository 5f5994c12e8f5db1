"""The resizing of a game's picture to V's frame, and the check that there is one."""

import gymnasium as gym
import numpy as np

from dreamgym.errors import TaskError


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """A picture ``(h, w, 3)`` as a new uint8 array ``(size, size, 3)``.

    A side of ``size`` pixels or more is averaged over areas, a shorter one repeats its pixels. So each row and column
    of the picture has an influence.
    """
    import cv2

    frame = np.array(image, np.uint8, order="C")
    height, width = frame.shape[:2]
    if min(height, width) < size < max(height, width):  # one side at a time: cv2.resize has one mode for both
        narrow = (size, height) if width < size else (width, size)
        frame = cv2.resize(frame, narrow, interpolation=cv2.INTER_NEAREST)
    mode = cv2.INTER_AREA if min(frame.shape[:2]) >= size else cv2.INTER_NEAREST
    return frame if frame.shape[:2] == (size, size) else cv2.resize(frame, (size, size), interpolation=mode)


def check_image(task: str, space: gym.Space, key: str | None) -> None:
    """Raises a TaskError that names the task unless an observation is, or holds under the key, a uint8 RGB image."""
    if key is not None:
        if not isinstance(space, gym.spaces.Dict) or key not in space.spaces:
            raise TaskError(f"task {task!r}: the observation {space} has no key {key!r}")
        space = space.spaces[key]
    elif isinstance(space, gym.spaces.Dict):
        raise TaskError(f"task {task!r}: the observation is a Dict; set frame_key to one of {list(space)}")
    if space.dtype != np.uint8 or len(space.shape or ()) != 3 or (space.shape or ())[2] != 3:
        raise TaskError(
            f"task {task!r}: expected a uint8 image of shape (h, w, 3), got {space}; use a wrapper that makes one"
        )
