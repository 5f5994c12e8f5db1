"""What the keys and sticks of a game do. Keys are pygame's key codes; those of characters are their code points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import pygame

from dreamgym.actions import ActionCodec
from dreamgym.errors import ActionError, WindowError
from dreamgym.play.keys import IDLE_NAMES, ask_game, reach
from dreamgym.tasks import Task

REACH_SECONDS = 0.12  # of the game's time, in which a key moves an axis over its whole range
_PAIRS = (
    (pygame.K_LEFT, pygame.K_RIGHT),
    (pygame.K_DOWN, pygame.K_UP),
    (pygame.K_a, pygame.K_d),
    (pygame.K_s, pygame.K_w),
)
_SINGLES = (pygame.K_UP, pygame.K_DOWN, pygame.K_SPACE, pygame.K_w, pygame.K_s)
_ALSO = {pygame.K_LEFT: pygame.K_a, pygame.K_RIGHT: pygame.K_d, pygame.K_UP: pygame.K_w, pygame.K_DOWN: pygame.K_s}
_WORDS = {"LEFT": pygame.K_LEFT, "RIGHT": pygame.K_RIGHT, "UP": pygame.K_UP, "FORWARD": pygame.K_UP}
_WORDS |= {"DOWN": pygame.K_DOWN, "FIRE": pygame.K_SPACE, "PICKUP": pygame.K_SPACE}


@dataclass(frozen=True)
class Pad:
    """Where a gamepad's sticks and buttons are."""

    signed: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)  # left stick x and y, right stick x and y; up is positive
    triggers: tuple[float, ...] = (0.0, 0.0)  # right and left, 0 to 1
    keys: frozenset[int] = frozenset()  # the keys that its cross, left stick and first button stand for

    @property
    def moved(self) -> bool:
        """Whether anything of it is held."""
        return any(self.signed) or any(self.triggers) or bool(self.keys)


class KeyMap(Protocol):
    """What a game's keys do."""

    keys: frozenset[int]  # the keys that do something
    help: tuple[tuple[str, str], ...]  # keys, and what they do

    def code(self, held: Sequence[int], pad: Pad, seconds: float) -> np.ndarray:
        """The coded action ``(A,)`` for keys in the order in which they were pressed.

        ``seconds`` of the game's time go by until the next one.
        """


@dataclass
class Chords:
    """Keys and combinations of keys that stand for whole actions. Of several held, the largest combination counts."""

    codes: Mapping[frozenset[int], np.ndarray]  # coded actions ``(A,)``
    idle: np.ndarray  # the coded action while none is held, ``(A,)``
    help: tuple[tuple[str, str], ...] = ()
    keys: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        named = frozenset().union(*self.codes)
        # The arrows stand for a, d, w and s where the game has those and no arrows.
        self._stand_for = {key: also for key, also in _ALSO.items() if also in named and key not in named}
        self.keys = named | set(self._stand_for)

    def code(self, held: Sequence[int], pad: Pad, seconds: float) -> np.ndarray:
        """See :class:`KeyMap`. Of combinations of one size the one pressed last counts."""
        order = [self._stand_for.get(key, key) for key in (*pad.keys, *held)]
        places = {key: place for place, key in enumerate(order)}
        matching = [chord for chord in self.codes if chord and chord <= places.keys()]
        if not matching:
            return self.idle
        return self.codes[max(matching, key=lambda chord: (len(chord), max(places[key] for key in chord)))]


class Axes:
    """Keys that move the numbers of a Box action towards their limits, and let them return.

    Numbers that can be negative and positive have two keys each, beginning with the left and right arrow; others have
    one, beginning with the up arrow.

    Args:
        low: Where the numbers end, ``(A,)``.
        high: Where the numbers end, ``(A,)``.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray):
        self.low, self.high = low.astype(np.float64), high.astype(np.float64)
        self._rest = np.clip(0.0, self.low, self.high)
        self._value = self._rest.copy()
        two_sided = (self.low < 0) & (self.high > 0)
        pairs = dict(zip(np.flatnonzero(two_sided).tolist(), _PAIRS, strict=False))
        taken = {key for pair in pairs.values() for key in pair}
        free = [key for key in _SINGLES if key not in taken]
        singles = dict(zip(np.flatnonzero(~two_sided).tolist(), free, strict=False))
        self._ends = [(down, i, self.low[i]) for i, (down, _) in pairs.items()]
        self._ends += [(up, i, self.high[i]) for i, (_, up) in pairs.items()]
        self._ends += [(key, i, self._far(i)) for i, key in singles.items()]
        self._sticks, self._triggers = list(pairs), list(singles)
        self.keys = frozenset(key for key, _, _ in self._ends)
        self.help = tuple((key_name(key), f"action[{i}] to {end:g}") for key, i, end in self._ends)

    def _far(self, i: int) -> float:
        """The end of a number's range that is not where it rests."""
        return float(self.high[i] if self._rest[i] < self.high[i] else self.low[i])

    def code(self, held: Sequence[int], pad: Pad, seconds: float) -> np.ndarray:
        """See :class:`KeyMap`. A stick or trigger that is held overrides the keys."""
        target = self._rest.copy()
        for key, i, end in self._ends:
            if key in held:
                target[i] += end - self._rest[i]
        furthest = (self.high - self.low) * seconds / REACH_SECONDS
        self._value = self._value + np.clip(np.clip(target, self.low, self.high) - self._value, -furthest, furthest)
        for i, stick in zip(self._sticks, pad.signed, strict=False):
            if stick:
                self._value[i] = stick * (self.high[i] if stick > 0 else -self.low[i])
        for i, trigger in zip(self._triggers, pad.triggers, strict=False):
            if trigger:
                self._value[i] = self._rest[i] + trigger * (self._far(i) - self._rest[i])
        return self._value.astype(np.float32)


def key_map(task: Task, codec: ActionCodec, *, idle: int | None = None, full_range: bool = False) -> KeyMap:
    """The keys of a task's game: its own ``get_keys_to_action`` where it has one, else by its action space.

    Args:
        task: The task.
        codec: Its actions.
        idle: The action of a Discrete space while no key is held. If None, what the game's keys give for no key, an
            action whose name says so, or else the first.
        full_range: Whether keys reach the bounds of a Box space rather than as far as the task's action head.

    Raises:
        WindowError: The game's keys are not what Gymnasium's ``play`` takes, or ``idle`` is no action.
    """
    keys, names = ask_game(task)
    if keys is not None:
        return _own_chords(task, codec, keys, idle)
    if isinstance(codec.space, gym.spaces.Discrete):
        return _digits(codec, names, idle)
    if idle is not None:
        raise WindowError(f"idle is {idle}, but {codec.space} is not Discrete; leave it out")
    return Axes(*_limits(task, codec, full_range))


def key_name(key: int) -> str:
    """A key's name for people."""
    return pygame.key.name(key, use_compat=True) or f"key {key}"


def _own_chords(task: Task, codec: ActionCodec, keys: Any, idle: int | None) -> Chords:
    try:
        codes = {
            frozenset(ord(key) if isinstance(key, str) else int(key) for key in chord): codec.encode(action)
            for chord, action in keys.items()
        }
    except (ActionError, AttributeError, TypeError, ValueError) as error:
        raise WindowError(
            f"task {task.name!r}: get_keys_to_action of its game is not what Gymnasium's play takes ({error}); "
            "expected a dict from keys, such as ('a', ' '), to actions"
        ) from error
    still = codes.get(frozenset()) if idle is None else _idle_code(codec, idle)
    help_ = tuple((chord_name(chord), str(codec.decode(code))) for chord, code in codes.items() if chord)
    return Chords(codes, _rest(codec) if still is None else still, help_)


def chord_name(chord: frozenset[int]) -> str:
    """A combination's name for people."""
    return " + ".join(key_name(key) for key in sorted(chord, reverse=True))


def _digits(codec: ActionCodec, names: list[str], idle: int | None) -> Chords:
    """A digit for each of the first ten actions, and the keys that actions' names suggest."""
    codes: dict[frozenset[int], np.ndarray] = {}
    help_: list[tuple[str, str]] = []
    names = [name.upper() for name in names] if len(names) == codec.size else []
    for number, code in enumerate(np.eye(codec.size, dtype=np.float32)):
        name = names[number] if names else ""
        keys = [ord(str(number))] if number < 10 else []
        if name in _WORDS and frozenset({_WORDS[name]}) not in codes:
            keys.insert(0, _WORDS[name])
        codes |= {frozenset({key}): code for key in keys}
        what = f"action {codec.decode(code)}" + (f", {name.lower()}" if name else "")
        help_ += [(" or ".join(map(key_name, keys)), what)] if keys else []
    still = next((number for number, name in enumerate(names) if name in IDLE_NAMES), 0)
    code = np.eye(codec.size, dtype=np.float32)[still] if idle is None else _idle_code(codec, idle)
    return Chords(codes, code, tuple(help_))


def _rest(codec: ActionCodec) -> np.ndarray:
    """The code of the first action, or of the zeros of a Box: what Gymnasium's ``play`` does while no key is held."""
    if isinstance(codec.space, gym.spaces.Discrete):
        return np.eye(codec.size, dtype=np.float32)[0]
    return codec.encode(np.zeros(codec.space.shape or (), np.float32))


def _idle_code(codec: ActionCodec, idle: int) -> np.ndarray:
    if not isinstance(codec.space, gym.spaces.Discrete) or not codec.space.contains(idle):
        raise WindowError(f"idle is {idle}, which is no action of {codec.space}; name one of its numbers")
    return codec.encode(idle)


def _limits(task: Task, codec: ActionCodec, full_range: bool) -> tuple[np.ndarray, np.ndarray]:
    """How far the keys reach: as far as the task's action head, or to the bounds."""
    if not full_range:
        return reach(task, codec)
    assert isinstance(codec.space, gym.spaces.Box)
    return codec.space.low.reshape(-1), codec.space.high.reshape(-1)
