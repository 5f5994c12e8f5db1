"""The keys of games: their own, and those that an action space suggests."""

import dataclasses
from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.actions import ActionCodec, ActionHead
from dreamgym.errors import WebError
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.web.controls import controls_of
from tests.conftest import CAR_ACTIONS
from tests.tiny_game import TINY_TASK, TinyGame


class KeyedGame(TinyGame):
    """The tiny game with keys of its own."""

    keys: ClassVar = {("a",): 0, (): 1, ("d",): 2, ("d", " "): 1}

    def get_keys_to_action(self):
        return self.keys


class NamedGame(TinyGame):
    """The tiny game with names for its actions."""

    def get_action_meanings(self):
        return ["LEFT", "NOOP", "RIGHT"]


class BrokenGame(KeyedGame):
    """Its keys are no actions of it."""

    keys: ClassVar = {("a",): 5}


def task_of(game):
    env_id = f"dreamgym_tests/{game.__name__}-v0"
    if env_id not in gym.registry:
        gym.register(env_id, entry_point=game)
    return dataclasses.replace(TINY_TASK, name=game.__name__, env_id=env_id)


THREE = ActionCodec(gym.spaces.Discrete(3))


def found(task, codec):
    made = controls_of(task, codec)
    return {control.keys: control.code for control in made.controls}, list(made.neutral)


def test_a_box_has_two_keys_for_a_signed_number_and_one_for_another():
    keys, neutral = found(CAR_RACING, ActionCodec(CAR_ACTIONS))
    assert keys[("ArrowLeft",)] == ((0, -1.0),)
    assert keys[("ArrowRight",)] == ((0, 1.0),)
    assert keys[("ArrowUp",)] == ((1, pytest.approx(0.25)),)  # as far as the car's action head reaches
    assert keys[("ArrowDown",)] == ((2, pytest.approx(0.4)),)
    assert neutral == [0, 0, 0]


def test_numbers_that_cannot_be_zero_rest_where_they_are_nearest_to_it():
    head = ActionHead(9, lambda xp, outputs: outputs)  # of too many outputs to ask it how far it reaches
    task = dataclasses.replace(TINY_TASK, name="away", env_id="no/Such-v0", action_heads={"all": head})
    space = gym.spaces.Box(np.array([2, -5], np.float32), np.array([4, -3], np.float32))
    keys, neutral = found(task, ActionCodec(space))
    assert neutral == [2, -3]
    assert keys == {("ArrowUp",): ((0, 4.0),), ("ArrowDown",): ((1, -5.0),)}


def test_no_key_is_given_twice():
    space = gym.spaces.Box(np.array([-1] * 6 + [0] * 8, np.float32), np.ones(14, np.float32))
    task = dataclasses.replace(TINY_TASK, name="many", env_id="no/Such-v0")
    made = controls_of(task, ActionCodec(space))
    keys = [key for control in made.controls for key in control.keys]
    assert len(keys) == len(set(keys)) == 6 * 2 + 8
    assert {number for control in made.controls for number, _ in control.code} == set(range(14))


def test_discrete_actions_have_digits():
    keys, neutral = found(TINY_TASK, THREE)
    assert neutral == [1, 0, 0]
    assert keys == {("Digit1",): ((0, 0.0), (1, 1.0), (2, 0.0)), ("Digit2",): ((0, 0.0), (1, 0.0), (2, 1.0))}


def test_names_of_actions_suggest_keys():
    keys, neutral = found(task_of(NamedGame), THREE)
    assert neutral == [0, 1, 0]
    assert list(keys) == [("ArrowLeft",), ("ArrowRight",)]


def test_a_game_brings_its_own_keys():
    made = controls_of(task_of(KeyedGame), THREE)
    assert {control.keys for control in made.controls} == {("KeyA",), ("KeyD",), ("KeyD", "Space")}
    assert list(made.neutral) == [0, 1, 0]
    assert made.aliases == {"ArrowLeft": "KeyA", "ArrowRight": "KeyD"}
    assert made.controls[0].label == "action 0"


def test_keys_that_are_no_actions_are_refused():
    with pytest.raises(WebError, match="get_keys_to_action of its game is not what Gymnasium's play takes"):
        controls_of(task_of(BrokenGame), THREE)
