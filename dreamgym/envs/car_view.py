"""The camera over a CarRacing env: one frame of what the env's stock renderer would show an agent."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pygame
from gymnasium.envs.box2d import car_racing as stock
from numpy.typing import NDArray

from dreamgym.envs import car_canvas, car_raster, car_scene, car_shrink
from dreamgym.envs.car_canvas import HEIGHT, WIDTH
from dreamgym.envs.car_shrink import COLUMN_AXIS, ROW_AXIS

Frame = NDArray[np.uint8]

_SCORE_TOP, _SCORE_WIDTH = 84, 12


class View:
    """Draws one env's frames. Each env has its own, so envs may be stepped in different threads.

    `watch` turns it to an env; a new track or car has to be watched anew.
    """

    def __init__(self) -> None:
        self._canvas = _new_canvas()
        self._poses = np.empty((5, 5))
        self._gauges = np.empty(7)
        self._camera = np.empty(5)

    def watch(self, env: Any) -> None:
        """Turns to an env whose track and car are new."""
        self._land = car_scene.land(env)
        self._chassis = car_scene.chassis(env.car)
        self._polygons = car_scene.new_polygons(len(env.road_poly))

    def frame(self, env: Any) -> Frame:
        """Returns a new frame, uint8 `[96, 96, 3]`."""
        car_scene.pose(env.car, self._poses)
        car_scene.gauges(env.car, self._gauges)
        self._aim(env)
        count = car_scene.place(self._polygons, self._land, self._chassis, self._poses, self._gauges, self._camera)
        car_raster.draw(self._canvas, self._polygons, count)
        frame = np.empty((car_canvas.CELLS, car_canvas.CELLS, 3), np.uint8)
        car_shrink.shrink(self._canvas, ROW_AXIS, COLUMN_AXIS, frame)
        frame[_SCORE_TOP:, :_SCORE_WIDTH] = _score(f"{env.reward:04.0f}")
        return frame

    def _aim(self, env: Any) -> None:
        """The car is in the middle of the picture's lower quarter, heading up; the first second zooms in."""
        hull = env.car.hull
        x, y = hull.position
        zoom = 0.1 * stock.SCALE * max(1 - env.t, 0) + stock.ZOOM * stock.SCALE * min(env.t, 1)
        cos, sin = _turn(-hull.angle)
        x, y = -x * zoom, -y * zoom
        self._camera[:] = zoom, cos, sin, WIDTH / 2 + (x * cos - y * sin), HEIGHT / 4 + (x * sin + y * cos)


def _turn(angle: float) -> tuple[float, float]:
    """Cosine and sine as pygame's vectors take them: of an angle in 0..2 pi, right angles being exact."""
    angle = math.fmod(angle, 2 * math.pi)
    if angle < 0:
        angle += 2 * math.pi
    quarter = math.floor((angle + 1e-6) / (math.pi / 2))
    if abs(angle - quarter * (math.pi / 2)) < 1e-6:
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[quarter % 4]
    return math.cos(angle), math.sin(angle)


@lru_cache(maxsize=4096)
def _score(text: str) -> Frame:
    """The corner of the frame in which the score stands, uint8 `[12, 12, 3]`: white on black."""
    pygame.font.init()
    font = pygame.font.Font(pygame.font.get_default_font(), 42)
    label = font.render(text, True, (255, 255, 255), (0, 0, 0))
    place = label.get_rect()
    place.center = (60, HEIGHT - HEIGHT * 2.5 / 40.0)
    corner = pygame.Surface((WIDTH // 8 + car_canvas.COLUMNS, HEIGHT // 8 + car_canvas.LANES))
    corner.blit(label, place.move(0, HEIGHT // 8 - HEIGHT))
    red, green, blue = np.moveaxis(pygame.surfarray.array3d(corner).astype(np.int32), 2, 0)
    x = COLUMN_AXIS.first[:_SCORE_WIDTH, None] + np.arange(car_canvas.COLUMNS)
    y = ROW_AXIS.first[_SCORE_TOP : car_canvas.CELLS, None] + np.arange(car_canvas.LANES) - HEIGHT + HEIGHT // 8
    pixels = (red << 16 | green << 8 | blue)[x[None, :, :, None], y[:, None, None, :]]
    canvas = _new_canvas()
    slots = np.arange(pixels.shape[0] * pixels.shape[1]).reshape(pixels.shape[:2])
    canvas.slots[: pixels.size] = pixels.ravel()
    canvas.homes[-1] = slots.size
    canvas.tiles.reshape(car_canvas.TILES, -1)[_SCORE_TOP : car_canvas.CELLS, :_SCORE_WIDTH] = -1 - slots
    frame = np.empty((car_canvas.CELLS, car_canvas.CELLS, 3), np.uint8)
    car_shrink.shrink(canvas, ROW_AXIS, COLUMN_AXIS, frame)
    return frame[_SCORE_TOP:, :_SCORE_WIDTH].copy()


def _new_canvas() -> car_canvas.Canvas:
    return car_canvas.new_canvas(ROW_AXIS.first, COLUMN_AXIS.first)
