"""The keys and buttons that act in a task's action space."""

from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec

# Names of JavaScript's KeyboardEvent.code, so that they mean places on the keyboard, whatever its language.
_PAIRS = (("ArrowLeft", "ArrowRight"), ("ArrowDown", "ArrowUp"), ("KeyA", "KeyD"), ("KeyS", "KeyW"), ("KeyJ", "KeyL"))
_SINGLES = ("ArrowUp", "ArrowDown", "KeyW", "KeyS", "KeyD", "KeyA", "KeyE", "KeyQ", "KeyI", "KeyK", "KeyU", "KeyO")
_CHOICES = (*(f"Digit{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)), *(f"Key{c}" for c in "QWEASDZXCUIOJKLM"))
_SYMBOLS = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"}


@dataclass(frozen=True)
class Control:
    """A key, with a button for fingers.

    Attributes:
        key: JavaScript's KeyboardEvent.code; empty if the keys have run out.
        symbol: What the button shows.
        label: What the button does, for screen readers.
        code: Changes of the code: number in the coded action, and the value that it takes.
    """

    key: str
    symbol: str
    label: str
    code: tuple[tuple[int, float], ...]


def neutral_code(codec: ActionCodec) -> np.ndarray:
    """The code of doing nothing: of a Box the number nearest to 0, of a Discrete space the first action."""
    if isinstance(codec.space, gym.spaces.Box):
        return np.clip(np.zeros(codec.size, np.float32), codec.space.low.reshape(-1), codec.space.high.reshape(-1))
    return np.eye(codec.size, dtype=np.float32)[0]


def controls(codec: ActionCodec) -> list[Control]:
    """The controls of an action space.

    A number of a Box that can be negative gets two keys, one that cannot gets one. A Discrete action gets one key; the
    first one is taken while no key is held.
    """
    if not isinstance(codec.space, gym.spaces.Box):
        start = int(getattr(codec.space, "start", 0))
        return [
            _control(_key(_CHOICES, choice - 1), f"action {start + choice}", ((choice, 1.0),))
            for choice in range(1, codec.size)
        ]
    low, high = codec.space.low.reshape(-1), codec.space.high.reshape(-1)
    pairs, taken, found = iter(_PAIRS), set[str](), []
    for number in np.flatnonzero((low < 0) & (high > 0)).tolist():  # two-sided ones have the first choice of keys
        keys = next(pairs, ("", ""))
        taken.update(keys)
        for key, value, sign in zip(keys, (low[number], high[number]), "−+", strict=True):
            found.append(_control(key, f"number {number + 1} of the action, {sign}", ((number, float(value)),)))
    singles = iter([key for key in _SINGLES if key not in taken])
    for number in np.flatnonzero((low >= 0) | (high <= 0)).tolist():
        value = high[number] if low[number] >= 0 else low[number]
        found.append(_control(next(singles, ""), f"number {number + 1} of the action", ((number, float(value)),)))
    return found


def _control(key: str, label: str, code: tuple[tuple[int, float], ...]) -> Control:
    symbol = _SYMBOLS.get(key, key.removeprefix("Key").removeprefix("Digit"))
    return Control(key, symbol or label, label, code)


def _key(keys: tuple[str, ...], place: int) -> str:
    return keys[place] if place < len(keys) else ""
