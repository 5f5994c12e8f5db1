"""Games that nobody here wrote go through the whole pipeline, from real frames to a dream that is shared."""

import os
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.commands import export, status
from dreamgym.evaluation.scores import load_evaluations
from dreamgym.pipeline.experiment import Experiment
from dreamgym.tasks import get_task
from tests.commands import run_command
from tests.games.third_party import GAMES

TINY = [
    "--rounds=0", "--random.episodes=5", "--random.episode-length=16", "--held-out=0.4",
    "--vision.epochs=1", "--memory.epochs=1", "--memory.sequence-length=8", "--memory.batch-size=8",
    "--controller.generations=1", "--controller.candidates=2", "--controller.dreams=2", "--controller.horizon=4",
    "--controller.select-tracks=1", "--final-tracks=1", "--starts=4", "--start-steps=2", "--evaluation-episodes=1",
    "--video-steps=3",
]  # fmt: skip
# A second round, with the controller's own episodes, for all but the two games that make test-slow plays.
AGAIN = [
    "--rounds=1", "--late-horizon=4", "--on-policy.episodes=2", "--on-policy.episode-length=12",
    "--memory-again.epochs=1", "--memory-again.sequence-length=8", "--memory-again.batch-size=8",
]  # fmt: skip
LIGHTEST = ("minigrid_room", "breakout")
MARKS = (pytest.mark.games, pytest.mark.slow)
IGNORED = (  # as in pyproject.toml, whose filters are for pytest's own process
    "builtin type",
    "__array__ implementation doesn't accept a copy keyword",
)
WARNINGS = ",".join(["error", *(f"ignore:{message}:DeprecationWarning" for message in IGNORED)])


def dreamgym(folder, *words):
    """Runs a command in a new process, in which warnings are errors too."""
    command = [sys.executable, "-m", "dreamgym", *map(str, words)]
    environment = os.environ | {"PYTHONWARNINGS": WARNINGS}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS[: 1 + (name in LIGHTEST)]) for name in GAMES])
def test_from_real_frames_to_a_shared_dream(name, tmp_path, capsys):
    game = GAMES[name]
    pytest.importorskip(game.package, reason=f"the game needs {game.distribution}, see the extra dreamgym[games]")
    experiment, scores, exported = Experiment(tmp_path / "tiny"), tmp_path / "scores.json", tmp_path / "exported"
    run = ["pipeline", "--experiment", experiment.folder, "--task", game.task, "--workers", 1]
    assert "trained in the dream" in dreamgym(tmp_path, *run, *TINY, *([] if name in LIGHTEST else AGAIN))

    run_command(status, [str(experiment.folder)])
    assert "5 of 5 episodes" in capsys.readouterr().out
    again = ["evaluate", experiment.controller, "--episodes", 1, "--workers", 0, "--no-controls", "--output", scores]
    dreamgym(tmp_path, *again)
    assert load_evaluations(scores)[0].returns == load_evaluations(experiment.scores(1))[0].returns
    run_command(export, [str(experiment.folder), "--output", str(exported)])

    task = get_task(game.task)
    env = gym.make("WorldModelDream-v0", world_model=str(exported), render_mode="rgb_array")
    real = task.make_env("stock")
    assert env.action_space == real.action_space
    real.close()
    observation, _ = env.reset(seed=0)
    for _ in range(3):
        observation, reward, *_ = env.step(env.action_space.sample())
    assert np.isfinite([*observation, reward]).all()
    assert env.render().std() > 0
    env.close()
