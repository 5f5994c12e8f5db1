"""``dreamgym play``: what it finds by itself, and what it refuses in one line."""

import shutil
from pathlib import Path

import pytest

from dreamgym.commands import play
from dreamgym.play.resolve import resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.window.play import game_fps, make_session
from dreamgym.window.settings import DriveSettings
from dreamgym.world_model_folder import PRETRAINED
from tests.commands import run_command


def test_the_car_and_its_controller_are_found_without_a_word():
    settings = play.complete(DriveSettings())
    assert settings.world_model == "car-racing"
    session = make_session(settings)
    assert session.drive.view == "dream"
    assert isinstance(session.drive.policy, LinearController)
    assert session.fps == 50
    assert Path(settings.policy) == PRETRAINED / "car-racing" / "controller.npz"


@pytest.mark.parametrize("place", ["world_model", "world_models/round-2"])
def test_an_experiments_controller_is_found(tiny_world_model, tmp_path, place):
    controllers = {"world_model": "controller/best.npz", "world_models/round-2": "controller/round-2/best.npz"}
    folder = tiny_world_model.save(tmp_path / place)
    assert play.complete(DriveSettings(str(folder))).policy is None
    for path in controllers.values():
        LinearController.zeros(tiny_world_model).save(tmp_path / path)
    assert play.complete(DriveSettings(str(folder))).policy == str(tmp_path / controllers[place])
    assert play.complete(DriveSettings(str(folder), policy="random")).policy == "random"


def test_a_controller_beside_a_world_model_comes_first(tiny_world_model, tmp_path):
    folder = tiny_world_model.save(tmp_path / "world_model")
    LinearController.zeros(tiny_world_model).save(tmp_path / "controller" / "best.npz")
    LinearController.zeros(tiny_world_model).save(folder / "controller.npz")
    assert play.complete(DriveSettings(str(folder))).policy == str(folder / "controller.npz")


def test_a_task_alone_is_driven_in_reality_at_its_own_pace():
    session = make_session(play.complete(DriveSettings(task="tests.tiny_game:TINY_TASK", fps=None)))
    assert (session.drive.view, session.fps, session.drive.policy) == ("real", 10, None)
    session.close()


def test_the_games_time_does_not_depend_on_the_frame_skip(counting_skips):
    assert [game_fps(player) for player in counting_skips] == [30, 30]


@pytest.fixture
def counting_skips(tiny_world_model, tmp_path):
    players = []
    for skip in (1, 3):
        model = tiny_world_model.replace(frame_skip=skip, render_fps=30 / skip)
        players.append(resolve("random", EnvSettings(world_model=str(model.save(tmp_path / str(skip))))))
    return players


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "world model 'nowhere' is neither a folder nor a pretrained name"),
        (["--task", "nothing"], "task 'nothing' is not registered"),
        (["--task", "tests.tiny_game:TINY_TASK", "--view", "both"], "driving 'both' needs a world model"),
        (["car-racing", "--task", "tests.tiny_game:TINY_TASK"], "the world model is of task 'car_racing'"),
        (["--policy", "nobody"], "policy 'nobody' is unknown"),
        (["--temperature", "0"], "temperature is 0.0, expected more than 0"),
        (["--seed", "-1"], "seed is -1, expected a whole number, 0 or more"),
        (["--idle", "1"], "idle is 1, but Box"),
    ],
)
def test_what_cannot_be_driven_is_refused_in_one_line(words, message, capsys, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(SystemExit) as ended:
        run_command(play, words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_broken_world_model_is_named(tiny_folder, tmp_path, capsys):
    broken = Path(shutil.copytree(tiny_folder, tmp_path / "broken"))
    (broken / "vision.npz").write_bytes(b"no arrays")
    with pytest.raises(SystemExit):
        run_command(play, [str(broken)])
    assert f"{broken / 'vision.npz'}" in capsys.readouterr().err
