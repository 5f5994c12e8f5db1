"""The window: events in, pictures out, in the game's time."""

import time
from pathlib import Path

import pygame

from dreamgym.errors import WindowError
from dreamgym.window.canvas import SIZE, Canvas
from dreamgym.window.controls import COMMAND_BUTTONS, Command, command_help, command_of
from dreamgym.window.gamepad import Gamepad
from dreamgym.window.session import Session

_BEHIND = 0.25  # seconds after which the clock gives up catching up
_LOST_KEYBOARD = (pygame.WINDOWFOCUSLOST, pygame.WINDOWMINIMIZED)


class Window:
    """Shows a session and passes keys and buttons to it.

    Raises:
        WindowError: There is no display.
    """

    def __init__(self, session: Session):
        self.session, self._keys = session, session.hand.keymap.keys
        self._screen = _open(f"dreamgym: {session.drive.player.task.name}")
        self._gamepad = Gamepad()
        self.canvas = Canvas([*session.hand.keymap.help, *command_help(self._keys)])
        self._anew, self._next = (self._key(command) for command in (Command.ANEW, Command.NEXT))
        self._due = time.monotonic()
        self.fps = 0.0  # ticks per second of late
        self._last = self._due

    def run(self) -> None:
        """Shows the session until it is done."""
        while self.turn():
            self._sleep()

    def turn(self) -> bool:
        """One turn of the loop: events, a step of the game, a picture. Returns whether another one follows."""
        for event in pygame.event.get():
            self._handle(event)
        self.session.hand.pad = self._gamepad.read()
        moved = self.session.tick()
        self._show()
        if moved and self.session.filming:
            self.session.film(self.canvas.pixels())
        return not self.session.done

    def close(self) -> Path | None:
        """Closes the window and the session; returns the path of the film that was still running."""
        try:
            return self.session.close()
        finally:
            self._gamepad.close()
            pygame.display.quit()

    def _handle(self, event: pygame.event.Event) -> None:
        hand = self.session.hand
        if event.type == pygame.QUIT:
            self.session.done = True
        elif event.type == pygame.KEYDOWN:
            command = command_of(event.key, bool(event.mod & pygame.KMOD_CTRL), self._keys)
            self.session.do(command) if command is not None else hand.press(event.key)
        elif event.type == pygame.KEYUP:
            hand.release(event.key)
        elif event.type in _LOST_KEYBOARD:
            hand.release_all()
        elif event.type == pygame.CONTROLLERBUTTONDOWN and event.button in COMMAND_BUTTONS:
            self.session.do(COMMAND_BUTTONS[event.button])
        elif event.type == pygame.CONTROLLERDEVICEADDED:
            self._gamepad.plug(event.device_index)
        elif event.type == pygame.CONTROLLERDEVICEREMOVED:
            self._gamepad.unplug(event.instance_id)

    def _show(self) -> None:
        session = self.session
        over = f"over: {self._anew} starts anew, {self._next} from another start" if session.drive.over else ""
        self.canvas.draw(session.scene, session.status, over, self.fps)
        size = self._screen.get_size()
        if size == SIZE:
            self._screen.blit(self.canvas.surface, (0, 0))
        else:
            scale = min(size[0] / SIZE[0], size[1] / SIZE[1])
            fitted = pygame.transform.smoothscale(self.canvas.surface, (int(SIZE[0] * scale), int(SIZE[1] * scale)))
            self._screen.fill((0, 0, 0))
            self._screen.blit(fitted, fitted.get_rect(center=(size[0] // 2, size[1] // 2)))
        pygame.display.flip()

    def _key(self, command: Command) -> str:
        return next(key for key, what in command_help(self._keys) if what == command.value)

    def _sleep(self) -> None:
        """Waits for the next tick. Late ticks are made up for, so that the game's time is kept."""
        now = time.monotonic()
        self._due = max(self._due + 1 / self.session.frame_rate, now - _BEHIND)
        if self._due > now:
            time.sleep(self._due - now)
        then, self._last = self._last, time.monotonic()
        self.fps += (1 / max(self._last - then, 1e-6) - self.fps) / 20


def _open(title: str) -> pygame.Surface:
    """Opens the window. It can be resized."""
    advice = "use a machine with a display or `xvfb-run`, or film a policy without one: dreamgym record"
    try:
        pygame.display.init()
        if pygame.display.get_driver() == "offscreen":  # what SDL falls back to where there is no display
            pygame.display.quit()
            raise WindowError(f"there is no display to open a window on; {advice}")
        pygame.display.set_caption(title)
        return pygame.display.set_mode(SIZE, pygame.RESIZABLE)
    except pygame.error as error:
        raise WindowError(f"no window can be opened ({error}); {advice}") from error
