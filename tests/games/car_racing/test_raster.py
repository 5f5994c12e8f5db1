"""The renderer's polygons against pygame's own, after averaging to a frame."""

import math

import numpy as np
import pygame
import pytest
from pygame import gfxdraw

from dreamgym.games.car_racing.canvas import ALIASED, ANTIALIASED, new_canvas
from dreamgym.games.car_racing.raster import paint
from dreamgym.games.car_racing.scene import new_polygons
from dreamgym.games.car_racing.shrink import COLUMN_AXIS, ROW_AXIS, shrink


def paint_with_pygame(polygons):
    """Paints (corners with y up, colour, whether anti-aliased) and shrinks, as the stock renderer does."""
    surface = pygame.Surface((1000, 800))
    for corners, color, antialiased in polygons:
        if antialiased:
            gfxdraw.aapolygon(surface, corners, color)
            gfxdraw.filled_polygon(surface, corners, color)
        else:
            pygame.draw.polygon(surface, color, corners)
    surface = pygame.transform.flip(surface, False, True)
    small = pygame.transform.smoothscale(surface, (96, 96))
    return pygame.surfarray.array3d(small).swapaxes(0, 1)


def paint_to_frame(polygons):
    memory = new_polygons(len(polygons))
    for k, (corners, (red, green, blue), antialiased) in enumerate(polygons):
        memory.corners[k, : len(corners)] = corners
        memory.sizes[k], memory.colors[k] = len(corners), red << 16 | green << 8 | blue
        memory.kinds[k] = ANTIALIASED if antialiased else ALIASED
    memory.used[0] = len(polygons)
    canvas = new_canvas(ROW_AXIS.first, COLUMN_AXIS.first)
    frame = np.empty((96, 96, 3), np.uint8)
    paint(canvas, memory)
    shrink(canvas, ROW_AXIS, COLUMN_AXIS, frame)
    return frame


def random_polygon(rng):
    color, antialiased = tuple(int(part) for part in rng.integers(0, 256, 3)), bool(rng.random() < 0.8)
    if antialiased and rng.random() < 0.3:  # any four points: may cross itself
        return [tuple(int(v) for v in rng.integers(-400, 1300, 2)) for _ in range(4)], color, antialiased
    angle = rng.choice([rng.uniform(0, 7), rng.integers(4) * math.pi / 2])
    size = rng.choice([3, 30, 300, 3000])
    half_width, half_height = rng.uniform(0, size, 2)
    x, y = rng.uniform(-100, 1100), rng.uniform(-100, 900)
    cos, sin = math.cos(angle), math.sin(angle)
    corners = [(half_width, half_height), (-half_width, half_height)]
    corners += [(-a, -b) for a, b in corners]
    return [(int(x + cos * a - sin * b), int(y + sin * a + cos * b)) for a, b in corners], color, antialiased


@pytest.mark.parametrize("seed", range(60))
def test_any_polygons_look_as_pygame_draws_them(seed):
    rng = np.random.default_rng(seed)
    polygons = [random_polygon(rng) for _ in range(12)]
    # Rows that the dashboard covers are not painted.
    assert np.array_equal(paint_to_frame(polygons)[:84], paint_with_pygame(polygons)[:84])


def test_many_layers_of_polygons_look_as_pygame_draws_them():
    rng = np.random.default_rng(0)
    field = [(-5, -5), (1005, -5), (1005, 805), (-5, 805)]
    polygons = []
    for _ in range(30):  # each layer opens tiles, and the next one covers them with one colour
        polygons += [random_polygon(rng) for _ in range(9)] + [(field, (20, 200, 30), True)]
    polygons += [random_polygon(rng) for _ in range(9)]
    assert np.array_equal(paint_to_frame(polygons)[:84], paint_with_pygame(polygons)[:84])
