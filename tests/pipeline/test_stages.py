"""How rounds follow each other: which controller the next search begins with, and how long its dreams are."""

import pytest

from dreamgym.errors import SettingsError
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import QUICK, PipelineSettings, from_json
from dreamgym.pipeline.stage import stage_names
from dreamgym.pipeline.stages import Pipeline
from dreamgym.play.settings import CollectSettings
from dreamgym.running.jobs import LocalExecutor


@pytest.fixture
def pipeline(tmp_path):
    return Pipeline(Experiment(tmp_path), PipelineSettings(rounds=3, fork=2.5), LocalExecutor(0))


def finish(pipeline, *scores):
    """Marks searches as finished: each round's best and latest score."""
    for round_, (best, latest) in enumerate(scores):
        pipeline.experiment.mark_done(
            f"{round_}-controller", real_score=best, latest_real_score=latest, standard_error=20.0
        )


def test_a_round_continues_from_the_latest_controller(pipeline):
    finish(pipeline, (100.0, 90.0), (140.0, 130.0))
    assert pipeline._initial(1) == pipeline.experiment.round_latest(1)


def test_a_round_goes_back_to_the_best_where_the_latest_is_much_worse(pipeline):
    finish(pipeline, (100.0, 90.0), (200.0, 190.0), (180.0, 149.0))
    assert pipeline._initial(2) == pipeline.experiment.round_best(1)
    finish(pipeline, (100.0, 90.0), (200.0, 190.0), (180.0, 150.0))
    assert pipeline._initial(2) == pipeline.experiment.round_latest(2), (
        "50 less is not more than 2.5 standard errors of 20"
    )


def test_the_best_round_is_chosen_the_first_of_equal_ones(pipeline):
    finish(pipeline, (100.0, 0.0), (200.0, 0.0), (200.0, 0.0), (150.0, 0.0))
    assert pipeline._best_round(3) == 1


def test_dreams_are_longer_and_steps_may_be_smaller_in_the_second_half_of_the_rounds():
    searches = [PipelineSettings(rounds=4, late_horizon=600, late_sigma=0.03).search(round_) for round_ in range(5)]
    assert [search.horizon for search in searches] == [250, 250, 250, 600, 600]
    assert [search.sigma for search in searches] == [0.1, 0.1, 0.1, 0.03, 0.03]
    assert PipelineSettings(rounds=4).search(4).sigma == 0.1


def test_rounds_have_seeds_of_their_own(pipeline):
    assert len({pipeline.settings.round_seed(round_) for round_ in range(100)}) == 100


def test_names_of_stages():
    assert stage_names(0) == [
        "0-collect",
        "0-vision",
        "0-latents",
        "0-memory",
        "0-controller",
        "choose",
        "evaluate",
        "video",
    ]
    assert "1-vision" not in stage_names(1)


def test_an_older_config_gets_the_defaults_of_newer_settings():
    settings = from_json({"rounds": 2, "vision": {"epochs": 3}, "unknown": 1})
    assert (settings.rounds, settings.vision.epochs) == (2, 3)
    assert settings.memory == PipelineSettings().memory
    assert from_json({}, QUICK) == QUICK


def test_a_pipeline_collects_no_slices():
    with pytest.raises(SettingsError, match=r"on-policy\.first-episode is 5"):
        PipelineSettings(on_policy=CollectSettings(first_episode=5))
