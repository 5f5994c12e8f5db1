"""The hand of who drives: which keys are held, and the action that they make."""

import numpy as np

from dreamgym.window.keymap import KeyMap, Pad


class Hand:
    """The keys held and the gamepad.

    A key that is pressed and let go between two decisions counts for the next one.

    Args:
        keymap: What the game's keys do.
        seconds: What a decision lasts, in the game's time.
    """

    def __init__(self, keymap: KeyMap, seconds: float):
        self.keymap, self.seconds, self.pad = keymap, seconds, Pad()
        self._held: dict[int, None] = {}  # in the order in which they were pressed
        self._new: set[int] = set()  # those that no decision has seen yet
        self._let_go: set[int] = set()

    def press(self, key: int) -> None:
        """A key goes down."""
        if key in self.keymap.keys:
            self._held[key] = None
            self._new.add(key)
            self._let_go.discard(key)

    def release(self, key: int) -> None:
        """A key goes up."""
        if key in self._new:
            self._let_go.add(key)
        else:
            self._held.pop(key, None)

    def release_all(self) -> None:
        """The window lost the keyboard."""
        for key in list(self._held):
            self.release(key)

    @property
    def active(self) -> bool:
        """Whether a key was pressed since the last decision or is held, or the gamepad is moved."""
        return bool(self._held) or self.pad.moved

    def code(self) -> np.ndarray:
        """The coded action ``(A,)`` of the next decision."""
        code = self.keymap.code(list(self._held), self.pad, self.seconds)
        for key in self._let_go:
            self._held.pop(key, None)
        self._let_go.clear()
        self._new.clear()
        return code
