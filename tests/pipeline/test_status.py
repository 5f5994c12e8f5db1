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
