"""A task is checked whole before its first frame."""

from dataclasses import replace

import numpy as np
import pytest

from dreamgym.actions import ActionHead
from dreamgym.errors import TaskError
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.play.check_task import check_task
from dreamgym.tasks import Exploration
from tests.tiny_game import TINY_TASK


@pytest.mark.parametrize("task", [TINY_TASK, CAR_RACING], ids=lambda task: task.name)
def test_a_task_that_fits_passes(task):
    check_task(task, compiled=True)


def head(function, n_outputs=3):
    return {"tiller": ActionHead(n_outputs, function)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frame_rows": (40, 50)}, "frame_rows"),
        ({"frame_rows": (0, 40)}, r"frame_rows are \(0, 40\), the image has 32 rows"),
        ({"target": lambda env, reward, terminated: env.money}, "target raised AttributeError"),
        ({"target": lambda env, reward, terminated: None}, "target returned None, expected a finite number"),
        ({"target": lambda env, reward: reward}, "target raised TypeError"),
        (
            {"action_heads": head(lambda xp, x: x[..., :2])},
            r"'tiller' makes codes of shape \(2,\) .* expected .*\(3,\)",
        ),
        ({"action_heads": head(lambda xp, x: x[:, 5])}, "'tiller' raised IndexError"),
        ({"action_heads": head(lambda xp, x: x * np.float32(np.nan))}, "expected finite ones"),
        ({"action_heads": head(lambda xp, x: np.tanh(np.array(x)))}, "'tiller' in TensorFlow raised"),
    ],
)
def test_what_does_not_fit_is_named(changes, said):
    with pytest.raises(TaskError, match=f"task 'tiny_game': .*{said}"):
        check_task(replace(TINY_TASK, **changes), compiled=True)


def test_what_belongs_to_a_box_is_checked_too():
    with pytest.raises(TaskError, match=r"exploration: exploration .* does not fit"):
        check_task(replace(CAR_RACING, exploration=Exploration(mean=(0.0,), scale=(1.0,))))
    with pytest.raises(TaskError, match="start_options raised"):
        check_task(replace(CAR_RACING, start_options={"start_tile": "first"}))
