"""A game may want the presets otherwise, and says so in its task."""

import dataclasses

import pytest

from dreamgym.errors import TaskError
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.games.take_cover.task import TAKE_COVER
from dreamgym.pipeline.settings import PRESETS, preset_settings
from tests.tiny_game import TINY_TASK


def test_a_game_without_wishes_gets_the_presets():
    assert all(preset_settings(name, CAR_RACING) == settings for name, settings in PRESETS.items())


def test_a_game_changes_what_it_names_and_nothing_else():
    task = dataclasses.replace(TINY_TASK, presets={"quick": {"rounds": 1, "random": {"episodes": 7}}})
    settings, plain = preset_settings("quick", task), PRESETS["quick"]
    assert (settings.rounds, settings.random.episodes) == (1, 7)
    assert settings == dataclasses.replace(plain, rounds=1, random=dataclasses.replace(plain.random, episodes=7))
    assert preset_settings("laptop", task) == PRESETS["laptop"]
    assert task.definition == TINY_TASK.definition, "presets decide no data"


@pytest.mark.parametrize("preset", PRESETS)
def test_the_presets_of_games_that_ship_are_valid(preset):
    assert preset_settings(preset, TAKE_COVER).controller.horizon <= TAKE_COVER.horizon


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rouns": 1}, r"presets\['quick'\] has 'rouns', expected one of task, seed"),
        ({"random": {"episode": 1}}, r"presets\['quick'\]\['random'\] has 'episode', expected one of episodes"),
        ({"rounds": -1}, "rounds is -1"),
    ],
)
def test_wishes_that_cannot_be_are_named(changes, message):
    with pytest.raises(TaskError, match=f"task 'tiny_game': .*{message}"):
        preset_settings("quick", dataclasses.replace(TINY_TASK, presets={"quick": changes}))
