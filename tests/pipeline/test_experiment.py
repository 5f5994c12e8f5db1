"""Whether an experiment's folder remembers what it was made with and what is finished."""

import json

import pytest

from dreamgym.errors import ExperimentError
from dreamgym.pipeline.experiment import Experiment, default_home
from dreamgym.pipeline.find import find_experiment_of, find_world_model_of
from dreamgym.running.provenance import package_versions

SETTINGS = {"task": "tiny_game", "vision": {"epochs": 10, "batch_size": 100}, "seed": 0, "shape": (1, 2)}


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path / "run")


def test_config_is_written_once_and_the_same_settings_go_on(experiment):
    experiment.write_config(SETTINGS)
    written = experiment.config_path.read_bytes()
    experiment.write_config({**SETTINGS, "shape": [1, 2]})
    assert experiment.config_path.read_bytes() == written
    config = experiment.read_config()
    assert config["settings"]["vision"] == SETTINGS["vision"]
    assert config["packages"].items() >= {"numpy": package_versions()["numpy"]}.items()


def test_other_settings_are_refused_naming_what_differs(experiment):
    experiment.write_config(SETTINGS)
    other = {**SETTINGS, "vision": {"epochs": 20, "batch_size": 100}, "rounds": None}
    del other["seed"]
    with pytest.raises(ExperimentError) as caught:
        experiment.write_config(other)
    message = str(caught.value)
    for part in (
        str(experiment.folder),
        "vision.epochs: 10 became 20",
        "seed: 0 became 'nothing'",
        "rounds: 'nothing' became None",
    ):
        assert part in message
    assert "batch_size" not in message
    assert experiment.read_config()["settings"]["seed"] == 0, "the old settings stay"


def test_a_folder_without_an_experiment_is_named(experiment):
    with pytest.raises(ExperimentError, match=r"holds no experiment: config.json is missing") as caught:
        experiment.read_config()
    assert str(experiment.folder) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        "{}",
        '{"format": "another"}',
        '{"format": "dreamgym experiment"}',
        '{"format": "dreamgym experiment", "version": "one", "settings": {}}',
        '{"format": "dreamgym experiment", "version": 99, "settings": {}}',
        '{"format": "dreamgym experiment", "version": 1, "settings": 5}',
        '{"format": "dreamgym experiment", "version": 1}',
    ],
)
def test_a_broken_config_is_named(experiment, content):
    experiment.folder.mkdir()
    experiment.config_path.write_text(content)
    with pytest.raises(ExperimentError, match=r"config\.json is not an experiment's config"):
        experiment.read_config()
    with pytest.raises(ExperimentError, match=r"config\.json"):
        experiment.write_config(SETTINGS)
    assert experiment.config_path.read_text() == content


def test_stages_are_done_when_they_say_so(experiment):
    assert not experiment.is_done("0-vision")
    assert experiment.metrics("0-vision") == {}
    experiment.mark_done("0-vision", loss=12.5, frames=3)
    assert experiment.is_done("0-vision")
    assert not experiment.is_done("1-vision")
    assert Experiment(experiment.folder).metrics("0-vision") == {"loss": 12.5, "frames": 3}
    next((experiment.folder / "stages").iterdir()).write_text("{")
    with pytest.raises(ExperimentError, match=r"0-vision\.json is broken"):
        experiment.metrics("0-vision")


def test_all_places_lie_within_and_apart(experiment):
    e = experiment
    places = [e.config_path, e.vision, e.vision_training, e.world_model, e.controller, e.videos, e.scores(20)]
    places += [e.video("mp4"), e.video("gif"), e.stage_path("video")]
    for round_ in (0, 1):
        places += [e.rollouts(round_), e.latents(round_), e.round_world_model(round_), e.search(round_)]
        places += [e.round_best(round_), e.round_latest(round_)]
        places += [e.memory(round_, member) for member in (0, 1)]
    assert len(set(places)) == len(places)
    assert all(place.is_relative_to(e.folder) for place in places)


def test_the_world_model_of_a_controller_is_found(experiment, tiny_world_model, tmp_path):
    e = experiment
    e.write_config({"task": "tiny_game"})
    kept, second = tiny_world_model.save(e.world_model), tiny_world_model.save(e.round_world_model(1))
    for path in (e.controller, e.round_best(0), e.round_best(1)):
        path.parent.mkdir(parents=True, exist_ok=True)
    assert find_world_model_of(e.controller) == kept
    assert find_world_model_of(e.round_best(1)) == second, "the one that it was trained in, not the selected one"
    assert find_experiment_of(e.round_best(1)).folder == e.folder
    beside = tiny_world_model.save(tmp_path / "exported")
    assert find_world_model_of(beside / "controller.npz") == beside
    assert find_experiment_of(beside / "controller.npz") is None
    assert find_world_model_of(tmp_path / "alone" / "controller.npz") is None


def test_names_lie_under_the_home(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DREAMGYM_HOME", str(tmp_path / "home"))
    assert Experiment.named("first").folder == tmp_path / "home" / "first"
    (tmp_path / "first").mkdir()
    assert Experiment.named("first").folder == tmp_path / "home" / "first", "a folder that is no experiment is let be"
    assert Experiment.named(tmp_path / "second").folder == tmp_path / "second"
    assert Experiment.named("runs/third").folder.as_posix() == "runs/third"
    assert Experiment.named("./fourth").folder.as_posix() == "fourth"
    (tmp_path / "first" / "config.json").write_text(json.dumps({}))
    assert Experiment.named("first").folder.resolve() == tmp_path / "first"


def test_the_home_is_in_the_users_folder_unless_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DREAMGYM_HOME", raising=False)
    assert default_home() == tmp_path / "world-models-experiments"
    monkeypatch.setenv("DREAMGYM_HOME", "~/elsewhere")
    assert default_home() == tmp_path / "elsewhere"


def test_an_edited_task_is_refused_naming_the_field_and_a_moved_one_is_not(experiment):
    begun = {"name": "tiny_game", "frame_rows": [0, 84], "price": 1.0}
    experiment.write_config(SETTINGS, definition=begun)
    with pytest.raises(ExperimentError, match=r"begun with another task \(frame_rows: \[0, 84\] became \[0, 60\]\)"):
        experiment.write_config(SETTINGS, definition=begun | {"frame_rows": [0, 60]})
    experiment.write_config(SETTINGS | {"task": "moved:TASK"}, definition=begun)
    assert experiment.read_config()["settings"]["task"] == "moved:TASK", "later commands find it there"
    with pytest.raises(ExperimentError, match="seed: 0 became 1"):
        experiment.write_config(SETTINGS | {"task": "again:TASK", "seed": 1}, definition=begun)
    assert experiment.read_config()["settings"]["task"] == "moved:TASK"


def test_an_experiment_that_does_not_say_what_its_task_was_goes_on(experiment):
    experiment.write_config(SETTINGS)
    experiment.write_config(SETTINGS, definition={"price": 1.0})
