"""Reads videos back."""

import cv2
import numpy as np
from PIL import Image, ImageSequence


def read(path):
    if path.suffix == ".gif":
        with Image.open(path) as film:
            return np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)])
    film, frames = cv2.VideoCapture(str(path)), []
    while (picture := film.read()[1]) is not None:
        frames.append(picture[..., ::-1])
    film.release()
    return np.stack(frames)


def film_size(path):
    film = cv2.VideoCapture(str(path))
    size = tuple(int(film.get(each)) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    film.release()
    return size
