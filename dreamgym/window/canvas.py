"""Draws a scene and its heads-up line. It needs no window."""

from collections.abc import Sequence

import numpy as np
import pygame

from dreamgym.window.drive import Scene
from dreamgym.window.readings import Readings
from dreamgym.window.session import Status

SIZE = (960, 600)
_LINES = 74  # pixels of the heads-up lines below the pictures
_LABEL, _GAP = 26, 10
_BACKGROUND, _TEXT, _DIM, _ALERT = (24, 24, 24), (235, 235, 235), (150, 150, 150), (240, 150, 70)


class Canvas:
    """The picture that the window shows and a film keeps.

    Attributes:
        surface: The picture, a surface of ``SIZE``.
    """

    def __init__(self, help_rows: Sequence[tuple[str, str]]):
        pygame.font.init()
        self.surface = pygame.Surface(SIZE)
        self._font, self._small = pygame.font.Font(None, 24), pygame.font.Font(None, 20)
        self._help_rows = help_rows

    def draw(self, scene: Scene, status: Status, over: str = "", fps: float = 0.0) -> None:
        """Draws everything. ``over`` is shown across the pictures, ``fps`` is the rate that the window reaches."""
        self.surface.fill(_BACKGROUND)
        self._draw_pictures(scene)
        top = SIZE[1] - _LINES
        for i, readings in enumerate(scene.readings):
            self._write(reading_line(readings, status.temperature), (_GAP, top + 6 + 22 * i), _TEXT)
        self._write(status_line(status, fps), (_GAP, top + 52), _ALERT if status.notice else _DIM, self._small)
        if over:
            self._banner(over)
        if status.helping:
            self._draw_help()

    def pixels(self) -> np.ndarray:
        """The picture, uint8 ``(600, 960, 3)``."""
        return np.frombuffer(pygame.image.tobytes(self.surface, "RGB"), np.uint8).reshape(SIZE[1], SIZE[0], 3)

    def _draw_pictures(self, scene: Scene) -> None:
        width = (SIZE[0] - _GAP * (len(scene.pictures) + 1)) // len(scene.pictures)
        height = SIZE[1] - _LINES - _LABEL
        for i, (label, picture) in enumerate(scene.pictures.items()):
            left = _GAP + i * (width + _GAP)
            self._write(label, (left, 6), _DIM)
            fitted = fit(picture, width, height)
            place = (left + (width - fitted.shape[1]) // 2, _LABEL + (height - fitted.shape[0]) // 2)
            self.surface.blit(pygame.image.frombuffer(fitted.tobytes(), fitted.shape[1::-1], "RGB"), place)

    def _banner(self, text: str) -> None:
        written = self._font.render(text, True, _TEXT, (60, 40, 20))
        self.surface.blit(written, written.get_rect(center=(SIZE[0] // 2, (SIZE[1] - _LINES) // 2)))

    def _draw_help(self) -> None:
        shade = pygame.Surface(SIZE, pygame.SRCALPHA)
        shade.fill((0, 0, 0, 215))
        self.surface.blit(shade, (0, 0))
        step = min(26, (SIZE[1] - 2 * _GAP) // max(len(self._help_rows), 1))
        for i, (keys, what) in enumerate(self._help_rows):
            self._write(keys, (60, _GAP + step * i), _ALERT)
            self._write(what, (260, _GAP + step * i), _TEXT)

    def _write(
        self, text: str, place: tuple[int, int], colour: tuple[int, int, int], font: pygame.font.Font | None = None
    ) -> None:
        self.surface.blit((font or self._font).render(text, True, colour), place)


def fit(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture ``(h, w, 3)`` uint8 as large as fits, its sides in proportion."""
    import cv2

    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
    enlarged = cv2.INTER_CUBIC if scale > 2 else cv2.INTER_LINEAR  # a game's own picture is sharp enough for the latter
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else enlarged)


def reading_line(readings: Readings, temperature: float | None) -> str:
    """A side's numbers in one line."""
    words = [f"{readings.label:<8}"]
    if temperature is not None:
        words.append(f"τ {temperature:.2f}")
    words += [f"return {readings.total:.1f}", f"steps {readings.steps}"]
    if readings.predicted is not None:
        words.append(f"M predicts reward {readings.predicted:+.2f}")
    if readings.certainty is not None:
        words.append(f"certainty {readings.certainty:.0%} (entropy {readings.entropy:.2f} nats)")
    return "   ".join(words + ["over"] * readings.over)


def status_line(status: Status, fps: float) -> str:
    """Who drives at which pace, or the notice."""
    if status.notice:
        return status.notice
    words = [f"{status.driver} drives", f"{fps:.0f} frames/s", "F1 help"]
    if status.speed < 1:
        words.insert(1, f"1/{round(1 / status.speed)} speed")
    words += ["paused"] * status.paused + ["filming"] * status.filming
    return "   ".join(words)
