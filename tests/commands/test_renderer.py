"""--renderer of everything that plays the real game: which of a task's two envs is really played."""

import dataclasses
import json
from typing import Any, ClassVar

import gymnasium as gym
import pytest

from dreamgym.commands import pipeline, record, train_controller
from dreamgym.data.episodes import list_episodes, read_episode
from dreamgym.evaluation.scores import Evaluation, save_evaluations
from dreamgym.evolution.settings import SearchSettings
from dreamgym.pipeline.estimate import stage_seconds
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import QUICK, PipelineSettings
from dreamgym.pipeline.stage import stage_names
from dreamgym.pipeline.stages import Pipeline
from dreamgym.play.settings import CollectSettings
from dreamgym.running.jobs import LocalExecutor
from dreamgym.tasks import register_task
from tests.commands import run_command
from tests.conftest import random_world_model
from tests.tiny_game import TINY_TASK, TinyGame

IDS = {"stock": "dreamgym_tests/TwoFacedStock-v0", "fast": "dreamgym_tests/TwoFacedFast-v0"}


class TwoFacedGame(TinyGame):
    """The tiny game, noting under which of its ids it is played."""

    played: ClassVar[list[str]] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        self.played.append(self.spec.id)
        return super().reset(seed=seed, options=options)


for env_id in IDS.values():
    if env_id not in gym.registry:
        gym.register(env_id, entry_point=TwoFacedGame)

TWO_FACED = register_task(
    dataclasses.replace(TINY_TASK, name="two_faced", env_id=IDS["stock"], fast_env_id=IDS["fast"])
)
SCORE = Evaluation("a", "c", "real", "G-v0", "t", None, None, 9, [1, 2], [1.0, 2.0], [9, 9], 0.1)
HERE = "tests.commands.test_renderer:TWO_FACED"
SMALL = SearchSettings(env="real", candidates=4, dreams=2, horizon=5, generations=2, select_every=1, select_tracks=2)


@pytest.fixture(autouse=True)
def played():
    """The ids of all games begun in the test."""
    TwoFacedGame.played.clear()
    return TwoFacedGame.played


@pytest.fixture(scope="module")
def model():
    return random_world_model(TWO_FACED, gym.spaces.Discrete(3, seed=0), hidden_size=8)


@pytest.mark.parametrize("env", ["dream", "real"])
@pytest.mark.parametrize(
    ("words", "renderer"), [("", "fast"), ("--renderer fast", "fast"), ("--renderer stock", "stock")]
)
def test_a_controller_trains_and_is_chosen_in_the_env_that_is_asked_for(model, played, tmp_path, env, words, renderer):
    folder = model.save(tmp_path / "world_model")
    small = "--workers 0 --generations 1 --candidates 4 --dreams 2 --horizon 5 --select-every 1 --select-tracks 3"
    places = ["--world-model", str(folder), "--output", str(tmp_path / "controller")]
    run_command(train_controller, [*places, *f"--env {env} {small} {words}".split()])
    assert played == [IDS[renderer]] * (3 if env == "dream" else 3 + 4 * 2)


@pytest.mark.parametrize("env", ["real", "latent", "compare"])
@pytest.mark.parametrize("renderer", ["stock", "fast"])
def test_a_video_is_of_the_env_that_is_asked_for(model, played, tmp_path, env, renderer):
    folder = model.save(tmp_path / "world_model")
    words = ["--policy", "random", "--world-model", str(folder), "--output", str(tmp_path / "film.gif")]
    run_command(record, [*words, "--env", env, "--steps", "3", "--renderer", renderer])
    assert played == [IDS[renderer]]


@pytest.mark.parametrize("renderer", ["stock", "fast"])
def test_ppo_trains_in_the_env_that_is_asked_for(model, played, tmp_path, renderer):
    ppo = pytest.importorskip("agents.ppo")
    folder = model.save(tmp_path / "world_model")
    env = ppo.make_envs(ppo.PPOArgs(str(folder), env="real", renderer=renderer))
    env.reset(seed=0)
    assert played == [IDS[renderer]]


@pytest.mark.parametrize("renderer", ["stock", "fast"])
def test_the_whole_pipeline_collects_trains_chooses_and_films_in_one_env(model, played, tmp_path, renderer):
    settings = PipelineSettings(
        task=HERE,
        renderer=renderer,
        rounds=1,
        random=CollectSettings(episodes=2, episode_length=4),
        on_policy=CollectSettings(episodes=2, episode_length=4, noise=0.5),
        controller=SMALL,
        start_steps=2,
        video_steps=3,
    )
    experiment = Experiment(tmp_path / "run")
    stages = Pipeline(experiment, settings, LocalExecutor(0))
    model.save(experiment.round_world_model(0))
    stages.stage("0-collect").run()
    experiment.mark_done("0-controller", **stages.train_controller(0))
    stages.stage("1-collect").run()
    episodes = [read_episode(path) for n in (0, 1) for path in list_episodes(experiment.rollouts(n))]
    assert [episode.env_id for episode in episodes] == [IDS[renderer]] * 4
    model.save(experiment.round_world_model(1))
    experiment.mark_done("1-controller", **stages.train_controller(1))
    stages.choose()
    stages.record()
    assert set(played) == {IDS[renderer]}


def finished(folder, settings):
    """A folder in which all stages are marked as finished."""
    experiment = Experiment(folder)
    experiment.write_config({"preset": "quick", **dataclasses.asdict(settings)})
    for name in stage_names(settings.rounds):
        experiment.mark_done(name, seconds=1.0, dream_return=0.0, real_score=0.0)
    save_evaluations(experiment.scores(settings.evaluation_episodes), [SCORE])
    return experiment


def test_the_renderer_is_kept_with_the_experiment(tmp_path, capsys):
    experiment = finished(tmp_path / "road", PipelineSettings(task=HERE, rounds=0, renderer="stock"))
    assert experiment.read_config()["settings"]["renderer"] == "stock"
    assert pipeline.parse(["--experiment", str(experiment.folder)]).settings.renderer == "stock"
    run_command(pipeline, ["--experiment", str(experiment.folder)])
    with pytest.raises(SystemExit):
        run_command(pipeline, ["--experiment", str(experiment.folder), "--renderer", "fast"])
    assert "renderer: 'stock' became 'fast'" in capsys.readouterr().err


def test_an_experiment_from_before_there_was_a_choice_goes_on_fast(tmp_path, capsys):
    experiment = finished(tmp_path / "road", PipelineSettings(task=HERE, rounds=0))
    config = experiment.read_config()
    del config["settings"]["renderer"]
    experiment.config_path.write_text(json.dumps(config))
    run_command(pipeline, ["--experiment", str(experiment.folder)])
    assert pipeline.parse(["--experiment", str(experiment.folder)]).settings.renderer == "fast"
    with pytest.raises(SystemExit):
        run_command(pipeline, ["--experiment", str(experiment.folder), "--renderer", "stock"])
    assert "renderer: 'fast' became 'stock'" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["0-collect", "1-collect", "0-controller"])
def test_the_stock_game_is_estimated_to_take_longer(stage):
    stock = dataclasses.replace(QUICK, renderer="stock")
    assert stage_seconds(stock, 2, stage) > 1.02 * stage_seconds(QUICK, 2, stage)
