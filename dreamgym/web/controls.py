"""What the keys of a game do in its dream: its own where it has some, else those that its action space suggests.

Keys are JavaScript's KeyboardEvent.code: places on the keyboard, whatever its language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import ActionError, WebError
from dreamgym.play.keys import IDLE_NAMES, ask_game, reach
from dreamgym.tasks import Task

_PAIRS = (("ArrowLeft", "ArrowRight"), ("ArrowDown", "ArrowUp"), ("KeyA", "KeyD"), ("KeyS", "KeyW"))
_SINGLES = ("ArrowUp", "ArrowDown", "Space", "KeyW", "KeyS")
_WORDS = {"LEFT": "ArrowLeft", "RIGHT": "ArrowRight", "UP": "ArrowUp", "FORWARD": "ArrowUp", "DOWN": "ArrowDown"}
_WORDS |= {"FIRE": "Space", "PICKUP": "Space"}
_ALIASES = {"ArrowLeft": "KeyA", "ArrowRight": "KeyD", "ArrowUp": "KeyW", "ArrowDown": "KeyS"}
_PYGAME = {1073741903: "ArrowRight", 1073741904: "ArrowLeft", 1073741905: "ArrowDown", 1073741906: "ArrowUp"}
_PYGAME |= {13: "Enter", 32: "Space"}


@dataclass(frozen=True)
class Control:
    """Keys that do something together.

    Attributes:
        keys: All of them must be held.
        code: The numbers of the coded action that they change, and what these become.
        label: What they do, for people.
    """

    keys: tuple[str, ...]
    code: tuple[tuple[int, float], ...]
    label: str


@dataclass(frozen=True)
class Controls:
    """What the keys do.

    Attributes:
        controls: Those of a Box act together; of those of a Discrete space the one with the most keys counts.
        neutral: The coded action while no key is held.
        aliases: Keys that stand for others.
    """

    controls: Sequence[Control]
    neutral: Sequence[float]
    aliases: Mapping[str, str] = field(default_factory=dict)


def controls_of(task: Task, codec: ActionCodec) -> Controls:
    """The controls of a task's game.

    They are those of the game's ``get_keys_to_action``, which is what Gymnasium's ``play`` takes. Without it, a number
    of a Box that can be negative and positive has two keys, and another one has one; they reach as far as the task's
    action head does. A Discrete action has a digit, or the key that its name suggests.

    Raises:
        WebError: The game's keys are not what Gymnasium's ``play`` takes.
    """
    keys, names = ask_game(task)
    if keys is not None:
        return _own(task, codec, keys)
    if isinstance(codec.space, gym.spaces.Discrete):
        return _choices(codec, names)
    return _axes(*reach(task, codec))


def _own(task: Task, codec: ActionCodec, keys: Any) -> Controls:
    try:
        codes = {tuple(map(_key, chord)): codec.encode(action) for chord, action in keys.items()}
    except (ActionError, AttributeError, TypeError, ValueError) as error:
        raise WebError(
            f"task {task.name!r}: get_keys_to_action of its game is not what Gymnasium's play takes ({error}); "
            "expected a dict from keys, such as ('a', ' '), to actions"
        ) from error
    first = np.eye(codec.size, dtype=np.float32)[0]
    neutral = codes.pop((), first if isinstance(codec.space, gym.spaces.Discrete) else np.zeros(codec.size, np.float32))
    controls = [Control(keys, tuple(enumerate(code.tolist())), _action(codec, code)) for keys, code in codes.items()]
    named = {key for control in controls for key in control.keys}
    aliases = {key: other for key, other in _ALIASES.items() if other in named and key not in named}
    return Controls(controls, neutral.tolist(), aliases)


def _key(key: Any) -> str:
    """The place of a character or of pygame's key code."""
    number = ord(key) if isinstance(key, str) else int(key)
    if number in _PYGAME:
        return _PYGAME[number]
    character = chr(number).upper()
    if not (character.isascii() and character.isalnum()):
        raise ValueError(f"key {key!r} is no letter, digit, space or arrow")
    return f"{'Digit' if character.isdigit() else 'Key'}{character}"


def _choices(codec: ActionCodec, names: Sequence[str]) -> Controls:
    names = [name.upper() for name in names] if len(names) == codec.size else [""] * codec.size
    still = next((number for number, name in enumerate(names) if name in IDLE_NAMES), 0)
    controls: list[Control] = []
    for number, code in enumerate(np.eye(codec.size, dtype=np.float32)):
        if number == still:
            continue
        taken = {key for control in controls for key in control.keys}
        key = _WORDS.get(names[number], "")
        if not key or key in taken:
            key = f"Digit{number}" if number < 10 else f"action {number}"  # the last is a button without a key
        label = _action(codec, code) + (f", {names[number].lower()}" if names[number] else "")
        controls.append(Control((key,), tuple(enumerate(code.tolist())), label))
    return Controls(controls, np.eye(codec.size)[still].tolist())


def _axes(low: np.ndarray, high: np.ndarray) -> Controls:
    neutral, two_sided = np.clip(0, low, high), (low < 0) & (high > 0)
    pairs = iter(_PAIRS)
    ends: list[tuple[str, int, float]] = []
    for number in np.flatnonzero(two_sided).tolist():
        down, up = next(pairs, (f"{number} down", f"{number} up"))
        ends += [(down, number, float(low[number])), (up, number, float(high[number]))]
    taken = {key for key, _, _ in ends}
    singles = iter([key for key in _SINGLES if key not in taken])
    for number in np.flatnonzero(~two_sided).tolist():
        far = high[number] if neutral[number] < high[number] else low[number]
        ends.append((next(singles, f"{number} on"), number, float(far)))
    controls = [Control((key,), ((number, end),), f"action[{number}] to {end:g}") for key, number, end in ends]
    return Controls(controls, neutral.tolist())


def _action(codec: ActionCodec, code: np.ndarray) -> str:
    return f"action {np.asarray(codec.decode(code)).tolist()}"
