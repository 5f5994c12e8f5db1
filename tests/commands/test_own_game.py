"""Every command with a world model that ships, one of a game of one's own, a broken one and none.

A game of one's own is known to no process but the one that imports it, so each command runs in a fresh one.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from dreamgym.commands import main
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PRESETS
from dreamgym.pipeline.stage import stage_names
from dreamgym.policies.controller import LinearController
from dreamgym.world_model import WorldModel
from tests.tiny_game import TINY_TASK

OWN_GAME = """
from dataclasses import replace
from dreamgym import register_task
from tests.tiny_game import TINY_TASK

OWN = register_task(replace(TINY_TASK, name="own_game"))
"""
SMALL_C = "--generations 1 --candidates 4 --dreams 1 --horizon 2 --select-every 1 --select-tracks 1 --workers 0"
COMMANDS = {
    "collect": "collect {out}/rollouts --policy {controller} --world-model {model} --episodes 3 --episode-length 6"
    " --workers 0",
    "train-vae": "train-vae --rollouts {rollouts} --output {out}/v --vision.epochs 1 --vision.batch-size 4",
    "encode": "encode --rollouts {rollouts} --latents {out}/latents --world-model {model}",
    "train-memory": "train-memory --latents {latents} --vision {model}/vision.npz --output {out}/m --starts 4"
    " --world-model {out}/w --start-steps 2 --memory.epochs 1 --memory.batch-size 2 --memory.sequence-length 4",
    "train-controller": "train-controller --world-model {model} --output {out}/c " + SMALL_C,
    "evaluate": "evaluate {controller} --world-model {model} --episodes 1 --max-steps 3 --workers 0 --no-controls"
    " --output {out}/scores.json",
    "record": "record {controller} --world-model {model} --steps 3 --scale 1 --output {out}/film.gif",
    "status": "status {experiment}",
    "export": "export {experiment} --output {out}/exported",
    "web": "web {experiment} --output {out}/page",
    "pipeline": "pipeline --experiment {experiment}",
}
LEFT = {  # what a command that succeeds leaves behind
    "collect": "rollouts/episode-000002.tfrecord",
    "train-vae": "v/vision.npz",
    "encode": "latents/episode-000002.tfrecord",
    "train-memory": "w/world_model.json",
    "train-controller": "c/best.npz",
    "evaluate": "scores.json",
    "record": "film.gif",
    "export": "exported/controller.npz",
    "web": "page/dream.json",
}


def make_experiment(folder: Path, task: str, world_model: WorldModel) -> Experiment:
    """An experiment that was interrupted before its video: the only stage that is left."""
    experiment = Experiment(folder)
    settings = replace(PRESETS["quick"], task=task, rounds=0, video_steps=3, evaluation_episodes=1)
    experiment.write_config({"preset": "quick", **asdict(settings)}, definition=world_model.task.definition_with(None))
    metrics = {"seconds": 1.0, "real_score": 1.0, "dream_return": 1.0, "real": 1.0, "dream": 1.0}
    metrics |= {"nll": {"memory": 0.0, "unit_gaussian": 1.0, "persistence": 1.0}, "target_correlation": 0.9}
    for name in stage_names(0)[:-1]:
        experiment.mark_done(name, **metrics)
    for model in (experiment.round_world_model(0), experiment.world_model):
        world_model.save(model)
    LinearController.zeros(world_model).save(experiment.controller)
    rows = [{"label": "C", "policy": "controller", "env": "real", "env_id": "x", "task": task, "world_model": None}]
    rows[0] |= {"temperature": None, "max_steps": 3, "seeds": [0], "returns": [1.0], "lengths": [3], "wall_seconds": 1}
    rows[0] |= {"failed": [], "packages": {}}
    experiment.scores(1).parent.mkdir()
    experiment.scores(1).write_text(json.dumps({"format": "dreamgym evaluation", "version": 1, "evaluations": rows}))
    return experiment


def places(home: Path, experiment: Experiment, model: Path | None = None) -> dict[str, str]:
    """What a command's words name."""
    named = {"rollouts": experiment.folder / "more", "latents": experiment.folder / "more-latents", "out": home / "out"}
    named |= {"experiment": experiment.folder, "model": model or experiment.world_model}
    return {name: str(path) for name, path in named.items()} | {"controller": str(experiment.controller)}


def fresh(home: Path, words: str, module: str = "dreamgym") -> subprocess.CompletedProcess[str]:
    """Runs a command in a new process, in a folder."""
    command = [sys.executable, "-m", module, *words.split()]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), str(home)])}
    environment |= {"KERAS_BACKEND": "torch"}  # which is for somebody else's networks
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, tiny_world_model: WorldModel) -> dict[str, str]:
    """A game of one's own, of which this process knows nothing: its module, an experiment, episodes, latents."""
    home = tmp_path_factory.mktemp("own")
    (home / "own_game.py").write_text(OWN_GAME)
    task = replace(TINY_TASK, name="own_game")
    experiment = make_experiment(home / "experiment", "own_game:OWN", tiny_world_model)
    for path in home.rglob("world_model.json"):
        path.write_text(path.read_text().replace('"tiny_game"', '"own_game"'))
    config = json.loads(experiment.config_path.read_text())
    config["task"]["name"] = task.name
    experiment.config_path.write_text(json.dumps(config))
    with np.load(experiment.controller) as file:
        np.savez(experiment.controller, **{**file, "task": np.array("own_game")})
    return places(home, experiment) | {"home": str(home)}


def test_every_command_finds_a_game_of_ones_own_in_a_fresh_process(own: dict[str, str]) -> None:
    home, out = Path(own["home"]), Path(own["out"])
    for name, words in COMMANDS.items():
        done = fresh(home, words.format(**own))
        assert done.returncode == 0, f"{name}: {done.stderr[-500:]}"
        assert "damaged" not in done.stdout, name
        if name in LEFT:
            assert (out / LEFT[name]).is_file(), name
        if name in ("collect", "encode"):  # the next commands read what these wrote
            made = {"collect": "rollouts", "encode": "latents"}[name]
            shutil.move(out / made, own[made])
    assert list(Path(own["experiment"]).rglob("*.mp4"))


def test_without_its_experiment_a_world_model_takes_its_task_from_a_flag(own: dict[str, str], tmp_path: Path) -> None:
    home = Path(own["home"])
    model = Path(shutil.copytree(Path(own["experiment"]) / "world_model", tmp_path / "passed around"))
    shutil.copy(own["controller"], model / "controller.npz")
    link = home / "link"
    link.symlink_to(model)
    done = fresh(home, f"evaluate {link} --episodes 1 --max-steps 2 --workers 1 --no-controls")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "task 'own_game' is not registered" in done.stderr
    assert "--task" in done.stderr
    task = "--task own_game:OWN"
    for words in (
        f"evaluate {link} --episodes 1 --max-steps 2 --workers 1 --no-controls {task}",
        f"record {link} --steps 2 --output {tmp_path}/film.gif {task}",
    ):
        done = fresh(home, words)
        assert done.returncode == 0, done.stderr
    done = fresh(home, f"--world-model {link} {task} --steps 8 --rollout-steps 8 --num-envs 1", "agents.ppo")
    assert done.returncode == 0, done.stderr
    done = fresh(home.parent, f"evaluate {link} --episodes 1 {task}")
    assert "run this in the folder that holds own_game" in done.stderr


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The car that ships, in an experiment, with a few short episodes and their latents."""
    home = tmp_path_factory.mktemp("shipped")
    experiment = make_experiment(home / "experiment", "car_racing", WorldModel.load("car-racing"))
    named = places(home, experiment)
    main(words="collect {rollouts} --episodes 3 --episode-length 6 --workers 0".format(**named).split())
    main(words="encode --rollouts {rollouts} --latents {latents} --world-model car-racing".format(**named).split())
    return named


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_what_ships(shipped: dict[str, str], name: str) -> None:
    main(words=COMMANDS[name].format(**shipped).split())
    assert name not in LEFT or (Path(shipped["out"]) / LEFT[name]).is_file()


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "broken") for name in COMMANDS] + [(name, "none") for name in COMMANDS if name != "pipeline"],
)
@pytest.mark.filterwarnings("ignore:skipped")
def test_every_command_says_in_one_line_what_is_broken_or_missing(
    shipped: dict[str, str], name: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    experiment = Experiment(home / "experiment")
    if kind == "broken":
        shutil.copytree(Path(shipped["experiment"]).parent, home)
        for path in (*home.rglob("*.npz"), *home.rglob("*.tfrecord"), experiment.config_path):
            path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SystemExit) as ended:
        main(words=COMMANDS[name].format(**places(home, experiment)).split())
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
