"""What an inspection says of M, by the metrics that its stage left."""

from dataclasses import asdict

import pytest

from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.pipeline.status import inspect


@pytest.mark.parametrize(
    ("nll", "correlation", "problem"),
    [
        (0.5, 0.9, ""),
        (0.5, 0.1, "poor: dreamt rewards hardly follow"),
        (0.5, None, "rewards not judged: real or dreamt ones do not vary"),
        (1.5, 0.9, "poor: predicts no better than a trivial model"),
    ],
)
def test_m_is_judged_by_its_metrics(tiny_world_model, tmp_path, nll, correlation, problem):
    experiment = Experiment(tmp_path)
    experiment.write_config(asdict(PipelineSettings(task="tests.tiny_game:TINY_TASK", rounds=0)))
    tiny_world_model.save(experiment.round_world_model(0))
    nlls = {"memory": nll, "unit_gaussian": 1.4, "persistence": 1.0}
    experiment.mark_done("0-memory", nll=nlls, target_correlation=correlation)
    (found,) = [finding.problem for finding in inspect(experiment) if finding.part.startswith("M, round 0")]
    assert found.startswith(problem)
    assert bool(found) == bool(problem)


def test_scores_below_one_are_not_rounded_away(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.write_config(asdict(PipelineSettings(task="tests.tiny_game:TINY_TASK", rounds=0)))
    experiment.mark_done("0-controller", dream_return=0.4, real_score=0.37)
    experiment.mark_done("evaluate", real=0.38, dream=0.41)
    states = {finding.part: finding.state for finding in inspect(experiment)}
    assert "dream 0.40, real 0.37" in states["C, round 0"]
    assert states["evaluation"] == "real 0.38, dream 0.41"


def test_the_yardsticks_of_a_dream_are_shown_where_there_are_any(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.write_config(asdict(PipelineSettings(task="tests.tiny_game:TINY_TASK", rounds=1)))
    found = {"dream_return": 4, "real_score": 3, "latest_real_score": 2, "dream_pay": {"0.5": [10.0] * 5}}
    experiment.mark_done("0-controller", **found, rank_correlation={"0.5": None, "1": None})
    experiment.mark_done("1-controller", **found, rank_correlation={"0.5": 0.75, "1": -0.5})
    states = {finding.part: finding.state for finding in inspect(experiment)}
    assert states["C, round 0"].endswith("τ 0.5: 10.0, 10.0, 10.0, 10.0, 10.0; the last mean's real score 2.00")
    assert states["C, round 1"].endswith("over all scored controllers, τ 0.5: 0.75, τ 1: -0.50")
