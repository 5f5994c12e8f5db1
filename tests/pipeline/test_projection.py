"""Projections follow from the costs: what is dear is the limit."""

from dataclasses import replace

import pytest

from dreamgym.pipeline.estimate import stage_seconds
from dreamgym.pipeline.projection import CLUSTER_COSTS, cluster_seconds, collecting, projection_table, searching
from dreamgym.pipeline.settings import PAPER, QUICK
from dreamgym.pipeline.stages import stage_names

FREE = replace(CLUSTER_COSTS, job_seconds=0, episode_seconds=0, job_bytes=0, episode_bytes=0, generation_seconds=0)


def test_a_driver_that_costs_nothing_leaves_the_cores_as_the_limit():
    for cores in (1, 10):
        projected = collecting(PAPER, 0, cores, FREE)
        assert projected.limit == "the cores that play"
        assert projected.seconds == pytest.approx(stage_seconds(PAPER, cores, "0-collect"))
    assert searching(PAPER, 8, FREE).seconds == pytest.approx(stage_seconds(PAPER, 8, "0-controller"), rel=0.01)


def test_what_costs_most_is_named():
    slow_driver, slow_network = replace(FREE, episode_seconds=1.0), replace(FREE, episode_bytes=1e9)
    assert collecting(PAPER, 0, 512, slow_driver) == (10_000, "the driver, which writes the files")
    assert collecting(PAPER, 0, 512, slow_network) == (pytest.approx(8_000), "the driver's network")
    assert collecting(PAPER, 0, 512, slow_driver, remote=True).limit == "the cores that play"
    slow_jobs = replace(slow_network, job_seconds=1.0)
    assert collecting(PAPER, 0, 512, slow_jobs, remote=True) == (10_000, "the driver, which sends the jobs")
    assert cluster_seconds(PAPER, 512, "0-collect", remote=True) < cluster_seconds(PAPER, 512, "0-collect") / 4
    assert searching(PAPER, 512, FREE).limit == "one job for each of 64 candidates"
    assert searching(PAPER, 512, FREE).seconds == pytest.approx(searching(PAPER, 64, FREE).seconds, rel=0.01)
    assert searching(PAPER, 64, replace(FREE, generation_seconds=60)).limit == "the driver between generations"


def test_training_takes_as_long_on_a_cluster_and_the_rest_less():
    for settings in (QUICK, PAPER):
        for name in stage_names(settings.rounds):
            one, many = stage_seconds(settings, 8, name), cluster_seconds(settings, 8, name)
            assert many <= one * 1.3, name
        assert cluster_seconds(settings, 64, "0-vision") == cluster_seconds(settings, 8, "0-vision")


def test_the_table_has_a_row_for_each_size():
    assert projection_table().row_count == 3
