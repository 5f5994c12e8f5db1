"""Selection of the controller: who takes part, who wins, and that no score is lost or played twice."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dreamgym.errors import ExperimentError
from dreamgym.pipeline.selection import entrants, select
from dreamgym.policies.controller import LinearController
from tests.tiny_game import TINY_TASK

FIRST, FINAL = [10, 11], [12, 13, 14]


@pytest.fixture
def contest(tiny_world_model):
    zeros = LinearController.zeros(tiny_world_model)
    return entrants(TINY_TASK, [(n, replace(zeros, parameters=zeros.parameters + n)) for n in range(4)])


class Game:
    """Plays every entrant for the scores of its round, and notes what was played."""

    def __init__(self, first, final, fail_at=None):
        self.scores, self.played, self.fail_at = {10: first, 12: final}, [], fail_at

    def __call__(self, entrant, seeds):
        if len(self.played) == self.fail_at:
            raise KeyboardInterrupt
        self.played.append((entrant.round, len(seeds)))
        return [self.scores[seeds[0]][entrant.round]] * len(seeds)


def choose(contest, game, path, finalists=2):
    return select(contest, game, (FIRST, FINAL), finalists, path)


def test_all_scores_of_the_finalists_decide(contest, tmp_path):
    game = Game([1.0, 4.0, 2.0, 5.0], [9.0, 7.0, 9.0, 3.0])
    best, scores = choose(contest, game, tmp_path / "selection.json")
    assert game.played == [(0, 2), (1, 2), (2, 2), (3, 2), (3, 3), (1, 3)], "only the best two go on"
    assert (best.round, scores) == (1, [4.0, 4.0, 7.0, 7.0, 7.0]), "(8 + 21) / 5 is more than (10 + 9) / 5"


def test_a_finalist_alone_plays_no_more(contest, tmp_path):
    game = Game([1.0, 4.0, 2.0, 5.0], [0.0] * 4)
    best, scores = choose(contest, game, tmp_path / "selection.json", finalists=1)
    assert (best.round, scores, len(game.played)) == (3, [5.0, 5.0], 4)


def test_an_entrant_alone_is_not_played(contest, tmp_path):
    best, scores = choose(contest[2:3], Game([], []), tmp_path / "selection.json")
    assert (best.round, scores) == (2, [])


def test_an_interrupted_selection_goes_on(contest, tmp_path):
    path, values = tmp_path / "selection.json", ([1.0, 4.0, 2.0, 5.0], [9.0, 7.0, 9.0, 3.0])
    with pytest.raises(KeyboardInterrupt):
        choose(contest, Game(*values, fail_at=3), path)
    game = Game(*values)
    best, _ = choose(contest, game, path)
    assert (best.round, game.played) == (1, [(3, 2), (3, 3), (1, 3)])


def test_scores_of_another_controller_do_not_count(contest, tmp_path):
    path = tmp_path / "selection.json"
    choose(contest, Game([1.0, 4.0, 2.0, 5.0], [9.0, 7.0, 9.0, 3.0]), path)
    again = replace(
        contest[0], controller=replace(contest[0].controller, parameters=contest[0].controller.parameters + 9)
    )
    game = Game([6.0, 0.0, 0.0, 0.0], [6.0, 0.0, 0.0, 0.0])
    best, _ = choose([again, *contest[1:]], game, path)
    assert (best.round, game.played) == (0, [(0, 2), (0, 3)])


@pytest.mark.parametrize("content", ["{", '{"a": [NaN]}', '{"a": "x"}', "[1]"])
def test_a_broken_file_is_named(contest, tmp_path, content):
    path = tmp_path / "selection.json"
    path.write_text(content)
    with pytest.raises(ExperimentError, match=r"selection\.json is broken"):
        choose(contest, Game([0.0] * 4, [0.0] * 4), path)


def test_calmer_heads_take_part(car_world_model):
    task, zeros = car_world_model.task, LinearController.zeros(car_world_model, "steer_steadily")
    contest = entrants(task, [(n, replace(zeros, parameters=zeros.parameters + n)) for n in (3, 1)])
    heads = ["steer_steadily", "steer_onwards_mildly", "steer_calmly"]
    assert [(entrant.round, entrant.controller.head) for entrant in contest] == [(n, h) for n in (3, 1) for h in heads]
    assert all((entrant.controller.parameters == entrant.round).all() for entrant in contest)
    observation = np.ones(car_world_model.observation_size, np.float32)
    gas = [entrant.controller.codes(observation[None])[0, 1] for entrant in contest[:3]]
    assert gas == pytest.approx([0.25, 0.18, 0.12], rel=1e-3)


def test_the_file_is_readable(contest, tmp_path):
    path = tmp_path / "selection.json"
    choose(contest, Game([1.0, 4.0, 2.0, 5.0], [9.0, 7.0, 9.0, 3.0]), path)
    kept = json.loads(path.read_text())
    assert len(kept) == 6
    assert [name for name in kept if name.startswith("round 1, ") and name.endswith("episodes 12 to 14")]
