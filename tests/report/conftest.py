"""An experiment on the tiny game whose first round is finished, but for its V and M, which hold random numbers."""

from dataclasses import asdict

import numpy as np
import pytest

from dreamgym.evaluation.fidelity import plot_fidelity
from dreamgym.evaluation.scores import Evaluation, save_evaluations
from dreamgym.evolution.curves import GenerationLog
from dreamgym.models.arrays import write_arrays
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings

TASK = "tests.tiny_game:TINY_TASK"


@pytest.fixture(scope="session")
def experiment(tiny_world_model, tmp_path_factory) -> Experiment:
    at = Experiment(tmp_path_factory.mktemp("report") / "tiny & small")
    short = CollectSettings(episodes=30, episode_length=20)
    settings = PipelineSettings(task=TASK, rounds=1, random=short, on_policy=short, start_steps=2)
    at.write_config(asdict(settings))
    collect(at.rollouts(0), "smoothed", EnvSettings(task=TASK), settings.random, workers=0)
    write_arrays(at.vision, tiny_world_model.vision)
    (at.vision_training / "log.csv").write_text("epoch,loss,reconstruction,val_reconstruction\n0,9,8,7\n1,6,5,4\n")
    tiny_world_model.save(at.round_world_model(0))
    nll = {"memory": 0.5, "unit_gaussian": 1.4, "persistence": 1.0}
    errors = {"memory": [0.1, 0.2], "persistence": [0.2, 0.3], "random": 0.5}
    measured = {"nll": nll, "target_correlation": None, "horizon": 2, "latent_error": errors}
    plot_fidelity(measured, at.round_world_model(0) / "fidelity.png")
    at.mark_done("0-memory", **measured)
    log = GenerationLog(at.search(0))
    for generation in range(4):
        if generation % 2:
            log.add_scores(generation, [0.0, 1.0])
        log.add(generation, np.array([0.1, 0.3]) * generation, 0.1, 1.0)
    log.write()
    pay = {"0.3": [50.0, 40.0, 30.0, 20.0, 10.0]}
    at.mark_done(
        "0-controller", dream_return=0.6, real_score=0.5, latest_real_score=0.5, standard_error=0.1, dream_pay=pay
    )
    rows = [
        Evaluation(label, "c", env, "Tiny-v0", "tiny_game", None, None, 20, [1, 2], [0.0, 1.0], [20, 20], 1.0)
        for label, env in (("trained in the <dream>", "real"), ("random", "real"), ("the same", "dream"))
    ]
    save_evaluations(at.scores(2), rows)
    return at
