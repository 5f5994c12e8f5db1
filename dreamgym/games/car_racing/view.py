"""Renders the observations of a CarRacing env, equal to those of its stock renderer."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pygame
from gymnasium.envs.box2d import car_racing as stock
from numpy.typing import NDArray

from dreamgym.games.car_racing import scene
from dreamgym.games.car_racing.canvas import CELLS, COLUMNS, HEIGHT, LANES, TILES, WIDTH, new_canvas
from dreamgym.games.car_racing.raster import paint
from dreamgym.games.car_racing.shrink import COLUMN_AXIS, ROW_AXIS, shrink

Frame = NDArray[np.uint8]

_SCORE_TOP, _SCORE_WIDTH = 84, 12


class View:
    """Renders the frames of one env. It holds that env's buffers, so envs can be stepped in different threads."""

    def __init__(self) -> None:
        self._canvas = new_canvas(ROW_AXIS.first, COLUMN_AXIS.first)
        self._state = scene.State(np.empty((5, 5)), np.empty(7), np.empty(5))

    def reset(self, env: Any) -> None:
        """Reads the env's new track and car. To be called after each reset."""
        self._ground = scene.read_ground(env)
        self._shapes = scene.read_shapes(env.car)
        self._polygons = scene.new_polygons(len(env.road_poly))

    def frame(self, env: Any) -> Frame:
        """A new frame, uint8 ``(96, 96, 3)``."""
        scene.read_car(env.car, self._state)
        self._set_camera(env)
        scene.place_polygons(self._polygons, self._ground, self._shapes, self._state)
        paint(self._canvas, self._polygons)
        frame = np.empty((CELLS, CELLS, 3), np.uint8)
        shrink(self._canvas, ROW_AXIS, COLUMN_AXIS, frame)
        frame[_SCORE_TOP:, :_SCORE_WIDTH] = _score_image(f"{env.reward:04.0f}")
        return frame

    def _set_camera(self, env: Any) -> None:
        """Centres the car at a quarter of the image's height, heading up. The camera zooms in for the first second."""
        hull = env.car.hull
        x, y = hull.position
        zoom = 0.1 * stock.SCALE * max(1 - env.t, 0) + stock.ZOOM * stock.SCALE * min(env.t, 1)
        cos, sin = _cos_sin(-hull.angle)
        x, y = -x * zoom, -y * zoom
        self._state.camera[:] = zoom, cos, sin, WIDTH / 2 + (x * cos - y * sin), HEIGHT / 4 + (x * sin + y * cos)


def _cos_sin(angle: float) -> tuple[float, float]:
    """Cosine and sine as in pygame's ``rotate_rad``: of the angle in 0..2 pi, exact for multiples of pi / 2."""
    angle %= 2 * math.pi
    quarter = math.floor((angle + 1e-6) / (math.pi / 2))
    if abs(angle - quarter * (math.pi / 2)) < 1e-6:
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[quarter % 4]
    return math.cos(angle), math.sin(angle)


@lru_cache(maxsize=4096)
def _score_image(text: str) -> Frame:
    """The score in white on black: the lower left corner of a frame, uint8 ``(12, 12, 3)``. Cached; do not modify."""
    pygame.font.init()
    font = pygame.font.Font(pygame.font.get_default_font(), 42)
    label = font.render(text, True, (255, 255, 255), (0, 0, 0))
    rect = label.get_rect(center=(60, HEIGHT - HEIGHT * 2.5 / 40.0))
    corner = pygame.Surface((WIDTH // 8 + COLUMNS, HEIGHT // 8 + LANES))
    corner.blit(label, rect.move(0, HEIGHT // 8 - HEIGHT))
    red, green, blue = np.moveaxis(pygame.surfarray.array3d(corner).astype(np.int32), 2, 0)
    x = COLUMN_AXIS.first[:_SCORE_WIDTH, None] + np.arange(COLUMNS)
    y = ROW_AXIS.first[_SCORE_TOP:CELLS, None] + np.arange(LANES) - HEIGHT + HEIGHT // 8
    pixels = (red << 16 | green << 8 | blue)[x[None, :, :, None], y[:, None, None, :]]
    canvas = new_canvas(ROW_AXIS.first, COLUMN_AXIS.first)
    slots = np.arange(pixels.shape[0] * pixels.shape[1]).reshape(pixels.shape[:2])
    canvas.pixels[: pixels.size] = pixels.ravel()
    canvas.slots[-1] = slots.size
    canvas.tiles.reshape(TILES, -1)[_SCORE_TOP:CELLS, :_SCORE_WIDTH] = -1 - slots
    frame = np.empty((CELLS, CELLS, 3), np.uint8)
    shrink(canvas, ROW_AXIS, COLUMN_AXIS, frame)
    return frame[_SCORE_TOP:, :_SCORE_WIDTH].copy()
