"""The resizing of a game's picture to V's frame."""

import numpy as np


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
