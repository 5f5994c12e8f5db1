"""A session: a drive, its pace, its films, and what the window is told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreamgym.errors import DreamGymError
from dreamgym.video.write import Film
from dreamgym.window.controls import Command
from dreamgym.window.drive import Drive, Scene
from dreamgym.window.hand import Hand
from dreamgym.window.save import first_free, save_episode

LEAST_SPEED = 1 / 8
HEAT = 0.05  # what a key adds to τ
NOTICE_SECONDS = 3.0


@dataclass(frozen=True)
class Status:
    """What the window says of a session, beside its scene."""

    driver: str  # hand, or the policy's name
    temperature: float | None
    speed: float
    paused: bool
    filming: bool
    helping: bool
    notice: str


class Session:
    """A drive that commands change. Those that change what is driven wait for the end of a decision.

    Attributes:
        fps: Steps of the game per second at full speed.
        scene: What is seen now.
        done: Whether the window is to close.
    """

    def __init__(self, drive: Drive, hand: Hand, fps: float, output: Path, *, wait: bool = False):
        self.drive, self.hand, self.fps, self.output, self.wait = drive, hand, fps, output, wait
        self.scene, self.done = drive.scene(), False
        self.speed, self.paused, self.helping = 1.0, False, False
        self._single = False
        self._decision: Iterator[Scene] = iter(())
        self._waiting: list[Command] = []
        self._film: Film | None = None
        self._notice, self._notice_ticks = "", 0
        self._at_once: dict[Command, Callable[[], None]] = {
            Command.HELP: self._help,
            Command.SLOWER: lambda: self._set_speed(self.speed / 2),
            Command.FASTER: lambda: self._set_speed(self.speed * 2),
            Command.FILM: self._start_or_end_film,
            Command.QUIT: self._quit,
        }
        self._between: dict[Command, Callable[[], None]] = {
            Command.SWITCH: lambda: drive.show("real" if drive.view != "real" else "dream"),
            Command.BOTH: lambda: drive.show("both"),
            Command.WHEEL: drive.hand_over,
            Command.HOTTER: lambda: drive.heat(HEAT),
            Command.COOLER: lambda: drive.heat(-HEAT),
            Command.PAUSE: self._pause,
            Command.STEP: self._step,
            Command.ANEW: drive.begin_anew,
            Command.NEXT: drive.begin_next,
            Command.SAVE: self._save,
        }

    @property
    def frame_rate(self) -> float:
        """Ticks per second at the present speed."""
        return self.fps * self.speed

    @property
    def status(self) -> Status:
        """What the window says beside the scene."""
        drive = self.drive
        driver = drive.policy.name if drive.policy_drives and drive.policy is not None else "hand"
        flags = {"paused": self.paused, "filming": self.filming, "helping": self.helping}
        return Status(driver, drive.temperature, self.speed, notice=self._notice, **flags)

    @property
    def filming(self) -> bool:
        """Whether the window's pictures are kept."""
        return self._film is not None

    def do(self, command: Command) -> None:
        """Obeys a command, at once or after the decision in progress. What cannot be done is said in the notice."""
        if command in self._at_once:
            self._try(self._at_once[command])
        else:
            self._waiting.append(command)

    def tick(self) -> bool:
        """Goes on by one step of the game, unless paused, waiting, over or helping. Returns whether it did."""
        self._notice_ticks -= 1
        if self._notice_ticks <= 0:
            self._notice = ""
        scene = next(self._decision, None)
        if scene is None:
            self._obey()
            scene = self._next_decision()
        if scene is not None:
            self.scene = scene
        return scene is not None

    def film(self, picture: np.ndarray) -> None:
        """Adds the window's picture, uint8 ``(height, width, 3)``, to the film, if there is one."""
        if self._film is not None:
            self._film.append(picture)

    def close(self) -> Path | None:
        """Ends the film, closes the game, and returns the film's path if one was open."""
        path = self._film.close() if self._film is not None else None
        self._film = None
        self.drive.close()
        return path

    def _obey(self) -> None:
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            self._try(self._between[command])
        if waiting:
            self.scene = self.drive.scene()

    def _next_decision(self) -> Scene | None:
        still = self.wait and not self.drive.policy_drives and not self.hand.active
        if self.drive.over or still or self.helping or (self.paused and not self._single):
            return None
        self._single = False
        self._decision = self.drive.decide(self.hand.code())
        return next(self._decision, None)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except DreamGymError as error:
            self._say(str(error))
        except OSError as error:
            self._say(f"{error.filename}: {error.strerror}")

    def _say(self, notice: str) -> None:
        self._notice, self._notice_ticks = notice, int(NOTICE_SECONDS * self.frame_rate) + 1

    def _help(self) -> None:
        self.helping = not self.helping

    def _quit(self) -> None:
        if self.helping:
            self.helping = False
        else:
            self.done = True

    def _set_speed(self, speed: float) -> None:
        self.speed = min(max(speed, LEAST_SPEED), 1.0)

    def _pause(self) -> None:
        self.paused = not self.paused

    def _step(self) -> None:
        self.paused = self._single = True

    def _start_or_end_film(self) -> None:
        if self._film is None:
            self._film = Film(first_free(lambda number: self.output / f"drive-{number:03d}.mp4"), self.fps)
            self._say(f"filming {self._film.path}")
            return
        film, self._film = self._film, None
        path = film.close()
        self._say(f"saved {path}" if path else "nothing was filmed")

    def _save(self) -> None:
        episode = self.drive.episode()
        path = save_episode(self.output, episode, self.drive.player)
        self._say(f"saved {len(episode)} decisions in {path}")
