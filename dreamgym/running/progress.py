"""How far something has come: a bar on a terminal, now and then a plain line elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
LINE_INTERVAL = 10.0  # seconds between plain lines


class Progress:
    """Shows done and total, elapsed and remaining time, on stderr, while the context lasts.

    Where stderr is no terminal it prints one line every ten seconds, so that short work prints nothing.
    """

    def __init__(self, description: str, total: int):
        self.description, self.total, self.done = description, total, 0
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        self._begin = self._last_line = time.monotonic()
        if sys.stderr.isatty():
            self._bar = _make_bar()
            self._bar.start()
            self._task = self._bar.add_task(self.description, total=self.total)
        return self

    def advance(self, pieces: int = 1) -> None:
        """Counts pieces as done."""
        self.done += pieces
        if self._bar is not None:
            self._bar.advance(self._task, pieces)
        elif time.monotonic() - self._last_line >= LINE_INTERVAL:
            self._last_line = time.monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def line(self) -> str:
        """Where things stand, as a plain line."""
        elapsed = time.monotonic() - self._begin
        text = f"{self.description}: {self.done}/{self.total}, {format_seconds(elapsed)} elapsed"
        if 0 < self.done < self.total:
            text += f", {format_seconds(elapsed / self.done * (self.total - self.done))} remaining"
        return text

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._last_line > self._begin:
            print(self.line(), file=sys.stderr, flush=True)


def track(items: Iterable[Item], total: int, description: str) -> Iterator[Item]:
    """Yields the items and shows how many have been dealt with."""
    with Progress(description, total) as progress:
        for item in items:
            yield item
            progress.advance()


def format_seconds(seconds: float) -> str:
    """Seconds as ``12 s``, ``3:04`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}" if minutes else f"{rest} s"


def format_score(score: float) -> str:
    """A score or a return, to two digits after the point where it is small: ``0.56``, ``-20.5``, ``836``."""
    digits = sum(abs(score) < limit for limit in (100, 10))
    return f"{round(score, digits) + 0.0:.{digits}f}"  # adding 0.0 makes zero of minus zero


def _make_bar() -> Any:
    from rich import console, progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=console.Console(stderr=True),
    )
