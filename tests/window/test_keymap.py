"""What keys and gamepads do in a game."""

import dataclasses

import gymnasium as gym
import numpy as np
import pygame
import pytest

from dreamgym.actions import ActionCodec
from dreamgym.errors import WindowError
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.window.controls import COMMAND_KEYS, Command, command_help, command_of
from dreamgym.window.hand import Hand
from dreamgym.window.keymap import REACH_SECONDS, Axes, Chords, Pad, key_map, key_name
from tests.conftest import CAR_ACTIONS
from tests.counting_game import COUNTING_TASK, Counting
from tests.tiny_game import TINY_TASK, TinyGame

LEFT, RIGHT, UP, DOWN = pygame.K_LEFT, pygame.K_RIGHT, pygame.K_UP, pygame.K_DOWN
NONE = Pad()


class OwnKeys(TinyGame):
    """Has keys of its own, as Gymnasium's ``play`` takes them."""

    keys = {"a": 0, (ord("d"),): 2, ("a", " "): 1, "v": 2}  # noqa: RUF012

    def get_keys_to_action(self):
        return self.keys


class NamedActions(TinyGame):
    def get_action_meanings(self):
        return ["LEFT", "NOOP", "RIGHT"]


class BoxKeys(Counting):
    def get_keys_to_action(self):
        return {"w": np.array([0, 0.5], np.float32), "": np.array([0, -0.25], np.float32)}


for game in (OwnKeys, NamedActions, BoxKeys):
    if f"dreamgym_tests/{game.__name__}-v0" not in gym.registry:
        gym.register(f"dreamgym_tests/{game.__name__}-v0", entry_point=game)


def task_of(game, task=TINY_TASK):
    return dataclasses.replace(task, name=game.__name__, env_id=f"dreamgym_tests/{game.__name__}-v0")


@pytest.fixture
def discrete():
    return ActionCodec(gym.spaces.Discrete(3))


def after(keymap, held, seconds=1.0, pad=NONE):
    return keymap.code(held, pad, seconds).tolist()


def test_the_arrows_drive_the_car_as_far_as_its_action_head_does():
    keys = key_map(CAR_RACING, ActionCodec(CAR_ACTIONS))
    assert keys.keys == {LEFT, RIGHT, UP, DOWN}
    assert after(keys, [LEFT]) == [-1, 0, 0]
    assert after(keys, [RIGHT, UP]) == [1, 0.25, 0]
    assert after(keys, [LEFT, RIGHT, DOWN]) == pytest.approx([0, 0, 0.4])
    assert after(keys, []) == [0, 0, 0]
    full = key_map(CAR_RACING, ActionCodec(CAR_ACTIONS), full_range=True)
    assert after(full, [RIGHT, UP, DOWN]) == [1, 1, 1]


def test_an_axis_moves_gradually_in_the_games_time():
    keys = Axes(np.array([-1.0, 0.0]), np.array([1.0, 0.5]))
    tick = REACH_SECONDS / 4
    steering = [after(keys, [RIGHT], tick)[0] for _ in range(4)]
    assert steering == pytest.approx([0.5, 1, 1, 1])
    assert after(keys, [LEFT], tick)[0] == pytest.approx(0.5)
    assert after(keys, [UP], tick) == pytest.approx([0, 0.125])


def test_every_number_of_a_box_has_its_keys():
    keys = Axes(np.array([-2.0, -1.0, 0.0, -3.0]), np.array([1.0, 1.0, 1.0, -1.0]))
    assert after(keys, [LEFT]) == [-2, 0, 0, -1]
    assert after(keys, [UP, pygame.K_SPACE, pygame.K_w]) == [0, 1, 1, -3]
    assert [row[1] for row in keys.help][:2] == ["action[0] to -2", "action[1] to -1"]


def test_a_gamepad_is_as_fine_as_its_sticks():
    keys = Axes(np.array([-1.0, 0.0, 0.0]), np.array([1.0, 0.25, 0.4]))
    assert after(keys, [LEFT], pad=Pad(signed=(0.5, 0, 0, 0), triggers=(0.4, 0))) == pytest.approx([0.5, 0.1, 0])
    assert after(keys, [], pad=Pad(signed=(-1, 0, 0, 0), triggers=(0, 1))) == pytest.approx([-1, 0, 0.4])


def test_a_game_brings_its_own_keys(discrete):
    keys = key_map(task_of(OwnKeys), discrete)
    chosen = {
        held: int(np.argmax(after(keys, list(map(ord, held))))) for held in ("", "a", "d", "a ", " a", "ad", "da")
    }
    assert chosen == {"": 0, "a": 0, "d": 2, "a ": 1, " a": 1, "ad": 2, "da": 0}
    assert after(keys, [RIGHT]) == [0, 0, 1], "the arrows stand for a and d"
    assert ("space + a", "1") in [(" + ".join(sorted(row[0].split(" + "), reverse=True)), row[1]) for row in keys.help]
    assert after(key_map(task_of(OwnKeys), discrete, idle=1), []) == [0, 1, 0]
    box = key_map(task_of(BoxKeys, COUNTING_TASK), ActionCodec(gym.spaces.Box(-1, 1, (2,), np.float32)))
    assert after(box, [ord("w")]) == [0, 0.5]
    assert after(box, []) == [0, -0.25]


def test_digits_and_names_are_the_keys_of_a_discrete_space(discrete):
    keys = key_map(TINY_TASK, discrete)
    assert after(keys, [ord("2")]) == [0, 0, 1]
    assert after(keys, []) == [1, 0, 0]
    assert after(keys, [ord("1"), ord("2")]) == [0, 0, 1], "the key pressed last"
    named = key_map(task_of(NamedActions), discrete)
    assert after(named, []) == [0, 1, 0]
    assert after(named, [RIGHT]) == after(named, [ord("2")]) == [0, 0, 1]
    assert after(named, [], pad=Pad(keys=frozenset({LEFT}))) == [1, 0, 0]
    assert ("left or 0", "action 0, left") in named.help


def test_the_keys_of_atari_are_its_own():
    ale = pytest.importorskip("ale_py")
    gym.register_envs(ale)
    pong = dataclasses.replace(TINY_TASK, name="pong", env_id="ALE/Pong-v5", frame_key=None)
    keys = key_map(pong, ActionCodec(gym.spaces.Discrete(6)))
    assert np.argmax(after(keys, [RIGHT, pygame.K_SPACE])) == 4
    assert np.argmax(after(keys, [ord("a")])) == 3
    assert np.argmax(after(keys, [])) == 0


@pytest.mark.parametrize("broken", [{"long": 0}, {("left",): 0}, {"a": 9}, [("a", 1)]])
def test_keys_that_are_none_are_named(broken, discrete, monkeypatch):
    monkeypatch.setattr(OwnKeys, "keys", broken)
    if broken == {"long": 0}:
        assert after(key_map(task_of(OwnKeys), discrete), list(map(ord, "long"))) == [1, 0, 0], "a chord of four"
        return
    with pytest.raises(WindowError, match="get_keys_to_action of its game"):
        key_map(task_of(OwnKeys), discrete)


def test_an_idle_action_must_be_one(discrete):
    with pytest.raises(WindowError, match="idle is 3, which is no action"):
        key_map(TINY_TASK, discrete, idle=3)
    with pytest.raises(WindowError, match="not Discrete"):
        key_map(COUNTING_TASK, ActionCodec(gym.spaces.Box(-1, 1, (2,), np.float32)), idle=0)


def test_a_key_tapped_between_decisions_counts_once():
    hand = Hand(Chords({frozenset({LEFT}): np.array([1.0])}, np.array([0.0])), 1.0)
    hand.press(LEFT)
    hand.release(LEFT)
    assert hand.active
    assert [hand.code()[0], hand.code()[0]] == [1, 0]
    hand.press(LEFT)
    assert [hand.code()[0], hand.code()[0]] == [1, 1]
    hand.release(LEFT)
    assert not hand.active, "decisions have seen it already"
    assert hand.code()[0] == 0
    hand.press(LEFT)
    hand.release(LEFT)
    hand.press(LEFT)
    assert [hand.code()[0], hand.code()[0]] == [1, 1]
    hand.release_all()
    hand.press(RIGHT)  # which is no key of the game
    assert hand.code()[0] == 0
    assert not hand.active


def test_a_command_keeps_its_key_with_ctrl_where_the_game_has_it():
    assert command_of(pygame.K_v, False, ()) is command_of(pygame.K_v, True, [pygame.K_v]) is Command.FILM
    assert command_of(pygame.K_v, False, [pygame.K_v]) is None
    assert command_of(pygame.K_F12, False, ()) is None
    rows = dict(command_help([pygame.K_v]))
    assert rows["ctrl + v"] == Command.FILM.value
    assert rows["tab"] == Command.SWITCH.value
    assert len({key for keys in COMMAND_KEYS.values() for key in keys}) == sum(map(len, COMMAND_KEYS.values()))
    assert set(COMMAND_KEYS) == set(Command)
    assert key_name(pygame.K_F1) == "f1"
