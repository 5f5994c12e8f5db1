"""Where work is done makes no difference to what comes out: episodes, latents, scores and returns."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dreamgym.benchmark.dream import population
from dreamgym.commands import collect as collect_command, evaluate as evaluate_command, main
from dreamgym.data.encode import encode_rollouts
from dreamgym.dream.imagination import Dreams, dropout_masks, imagine
from dreamgym.dream.split import SMALLEST_PART, SplitImagine, split
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.evolution.evolve import train_in_dream
from dreamgym.evolution.population import population_returns
from dreamgym.evolution.settings import SearchSettings
from dreamgym.play.collect import collect
from dreamgym.play.settings import EnvSettings
from tests.cluster.conftest import EPISODES, contents, wait_until
from tests.commands import run_command
from tests.tiny_game import TINY_TASK

pytestmark = pytest.mark.slow


def test_episodes_and_latents_are_equal_byte_for_byte(
    executor, controller, collected, tiny_folder, tiny_world_model, tmp_path
):
    env = EnvSettings(task=TINY_TASK.name, world_model=tiny_folder)
    report = collect(tmp_path / "away", str(controller), env, EPISODES, workers=executor)
    assert (report.made, report.failed) == (6, ())
    assert contents(tmp_path / "away") == contents(collected)
    (tmp_path / "away" / "episode-000003.tfrecord").write_bytes(b"broken")
    with pytest.warns(UserWarning, match=r"skipped: episode-000003.tfrecord is broken"):
        encoded = encode_rollouts(tmp_path / "away", tmp_path / "latents", tiny_world_model.vision, executor=executor)
    assert (encoded.made, len(encoded.failed)) == (5, 1)
    encode_rollouts(collected, tmp_path / "here", tiny_world_model.vision)
    here = contents(tmp_path / "here")
    del here["episode-000003.tfrecord"]
    assert contents(tmp_path / "latents") == here
    assert (tmp_path / "latents" / "collection.json").is_file()


def test_scores_are_equal(executor, controller, tiny_folder, tiny_world_model):
    for env in ("real", "dream"):
        where = EnvSettings(env, world_model=tiny_folder)
        here, away = (evaluate(controller, where, episodes=6, workers=workers) for workers in (0, executor))
        assert (here.seeds, here.returns, here.lengths) == (away.seeds, away.returns, away.lengths)
    _, parameters = population(tiny_world_model, 5)
    real = EnvSettings(world_model=tiny_folder, renderer="fast")
    returns = population_returns(real, None, episodes=3, executor=executor)(parameters, 1)
    from dreamgym.running.jobs import LocalExecutor

    np.testing.assert_array_equal(
        returns, population_returns(real, None, episodes=3, executor=LocalExecutor(0))(parameters, 1)
    )


def test_returns_of_dreams_that_are_split_by_candidates_are_equal_to_the_last_bit(executor, car_world_model):
    policy, parameters = population(car_world_model, 25)
    masks = dropout_masks(8, car_world_model.hidden_size, 0.3, 0)
    together = SplitImagine(executor.whole_machines)
    cases = (
        (25, Dreams(8, horizon=30, seed=3)),
        (24, Dreams(8, horizon=30, shared=False, recurrent_masks=masks)),
        (16, Dreams(16, horizon=30, members=(car_world_model.memory, car_world_model.memory))),
    )
    for candidates, dreams in cases:
        assert len(split(candidates, dreams, 2)) == 2
        here, away = (f(car_world_model, policy, parameters[:candidates], dreams) for f in (imagine, together))
        np.testing.assert_array_equal(here.returns, away.returns)
        np.testing.assert_array_equal(here.lengths, away.lengths)


def test_parts_are_never_so_small_that_the_returns_would_depend_on_them():
    for candidates, dreams, machines in ((64, 16, 100), (7, 16, 2), (3, 1, 5), (256, 16, 3), (64, 16, 1)):
        parts = split(candidates, Dreams(dreams), machines)
        sizes = [part.stop - part.start for part in parts]
        assert [part.start for part in parts] == [0, *np.cumsum(sizes)[:-1]]
        assert parts[-1].stop == candidates
        assert len(parts) <= machines
        assert len(parts) == 1 or min(sizes) * dreams >= SMALLEST_PART
        assert max(sizes) - min(sizes) <= 1
    assert len(split(64, Dreams(16), 100)) == 16
    assert len(split(64, Dreams(2, members=[None] * 3), 2)) == 1


def test_a_search_over_nodes_is_the_search_of_one_machine(executor, car_world_model, tmp_path):
    settings = SearchSettings(candidates=16, dreams=8, horizon=4, generations=2, select_every=2)
    for folder, machines in (("here", None), ("away", executor.whole_machines)):
        train_in_dream(car_world_model, tmp_path / folder, settings, machines=machines)
    for name in ("generation-0000.npz", "generation-0001.npz"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "away" / name).read_bytes()


OWN = """
from dataclasses import replace
from dreamgym import register_task
from helper_of_own import NAME
from tests.counting_game import SLOW_TASK
OWN = register_task(replace(SLOW_TASK, name=NAME))
"""


def test_a_killed_driver_goes_on_from_what_was_finished_in_a_game_of_ones_own(cluster, executor, tmp_path):
    executor.close()  # two drivers do not share cores
    own = tmp_path / "own"
    own.mkdir()
    (own / "own_slow_game.py").write_text(OWN)
    (own / "helper_of_own.py").write_text("NAME = 'own_slow'\n")
    paths = os.pathsep.join([str(own), str(Path(__file__).parents[2])])  # the nodes know neither

    def command(folder, *words):
        words = ["collect", str(tmp_path / folder), "--task", "own_slow_game:OWN", "--episodes", "10", *words]
        return {
            "args": [sys.executable, "-m", "dreamgym", *words],
            "env": os.environ | {"PYTHONPATH": paths, "RAY_ADDRESS": cluster.address},  # which auto reads
            "cwd": tmp_path,
        }

    here = subprocess.Popen(**command("here", "--workers", "0"))
    first = subprocess.Popen(**command("away", "--cluster", cluster.address))
    wait_until(lambda: len(contents(tmp_path / "away")) >= 2, 60)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = len(contents(tmp_path / "away"))
    assert before < 10
    words = command("away", "--cluster", "auto")
    again = subprocess.run(**words, capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    assert f"10 episodes, {before} kept" in again.stdout
    assert again.stderr == ""
    assert here.wait(60) == 0
    assert contents(tmp_path / "away") == contents(tmp_path / "here")


def test_commands_take_a_cluster(cluster, executor, tmp_path, capsys):
    executor.close()
    where, task = ["--cluster", cluster.address], ["--task", "tests.tiny_game:TINY_TASK"]
    words = ["random", *task, "--episodes", "2", "--no-controls", "--output", str(tmp_path / "scores.json")]
    run_command(evaluate_command, [*words, *where])
    assert (tmp_path / "scores.json").is_file()
    with pytest.raises(SystemExit):
        run_command(collect_command, [str(tmp_path / "other"), *task, "--cluster", "127.0.0.1:1"])
    assert "error: no Ray cluster at '127.0.0.1:1'" in capsys.readouterr().err
    main(words=["pipeline", "--preset", "paper", "--experiment", str(tmp_path / "x"), "--dry-run", *where])
    printed = capsys.readouterr().out
    assert "; 2 workers" in printed
    assert "projected, not run" in printed
