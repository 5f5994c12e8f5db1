"""Speed of the window of ``dreamgym play``: all of a tick but the display itself."""

from collections.abc import Callable
from pathlib import Path

from dreamgym.benchmark.measure import Measure
from dreamgym.window.canvas import Canvas
from dreamgym.window.controls import Command
from dreamgym.window.play import make_session
from dreamgym.window.settings import DriveSettings, View

WINDOW_DREAM, WINDOW_BOTH = "play window, dream", "play window, side by side"


def window_measures(folder: Path) -> list[Measure]:
    """Steps per second, each one a decision with V decoding and a picture drawn, on one core."""
    return [
        Measure.of_calls(WINDOW_DREAM, "steps/s", 1, _ticks(folder, "dream")),
        Measure.of_calls(WINDOW_BOTH, "steps/s", 1, _ticks(folder, "both")),
    ]


def _ticks(folder: Path, view: View) -> Callable[[], None]:
    session = make_session(DriveSettings(world_model=str(folder), view=view))
    canvas = Canvas([])

    def tick() -> None:
        if session.drive.over:
            session.do(Command.ANEW)
        session.tick()
        canvas.draw(session.scene, session.status)

    return tick
