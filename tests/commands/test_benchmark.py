"""The benchmark, once through at its shortest."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from dreamgym.benchmark import dream, real_game
from dreamgym.benchmark.measure import Bar, Measure, Results, interleave
from dreamgym.commands import benchmark
from dreamgym.errors import JobError
from dreamgym.running.jobs import LocalExecutor
from tests.commands import run_command

TINY_TASK_PATH = "tests.tiny_game:TINY_TASK"


@pytest.mark.slow
def test_it_measures_everything_and_draws_the_curve(car_world_model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(dream, "BATCHES", (1, 1024, 4096))
    monkeypatch.setattr(dream, "BLOCK", 2)
    output, picture = tmp_path / "new" / "benchmark.json", tmp_path / "scaling.png"
    monkeypatch.setattr(dream, "car_world_model", lambda: car_world_model)
    words = ["--seconds", "0.001", "--rounds", "1", "--generation-steps", "2", "--tracks", "1", "--frames", "1"]
    words += ["--episode-steps", "2", "--workers", "0"]
    words += ["--remote-files", "4", "--kills", "1"]
    run_command(benchmark, ["--output", str(output), *words])
    report = json.loads(output.read_text())
    assert all(result["median"] > 0 for result in report["results"].values())
    assert {"stock CarRacing", "FastCarRacing", "V encode", "M training", "PNG read"} <= set(report["results"])
    assert {real_game.COLLECT, real_game.LOCKSTEP, real_game.ONE_BY_ONE} <= set(report["results"])
    assert {"play window, dream", "play window, side by side"} <= set(report["results"])
    assert {"stock", "fast"} <= set(report["renderers"])
    assert report["step_operations"] == 2 * ((35 + 16) * 64 + 16 * 482 + 2 * 48)
    assert len([bar for bar in report["bars"] if not bar["name"].startswith("remote")]) == 17
    remote = {bar["name"]: bar["value"] for bar in report["bars"] if bar["name"].startswith("remote")}
    assert "remote: MB more for 40 files than for 1" in remote
    assert all(value == 1 for name, value in remote.items() if "killed" in name)
    assert report["results"]["remote: second sync"]["median"] > 0
    printed = capsys.readouterr().out
    assert "matrix-product ceiling" in printed
    monkeypatch.setattr("dreamgym.benchmark.plot.BATCHES", (1, 1024, 4096))
    run_command(benchmark, ["--output", str(output), "--plot", str(picture)])
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_the_dream_of_one_game_is_measured_beside_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(dream, "BATCHES", (1, 1024))
    monkeypatch.setattr(dream, "BLOCK", 2)
    output = tmp_path / "benchmark.json"
    words = ["--task", TINY_TASK_PATH, "--seconds", "0.001", "--rounds", "1", "--generation-steps", "2"]
    run_command(benchmark, ["--output", str(output), *words])
    report = json.loads(output.read_text())
    assert {"stock tiny_game", "imagine, 1024", "M training"} <= set(report["results"])
    assert report["step_operations"] == 2 * ((4 + 3 + 8) * 32 + 8 * 26 + 3 * 12)
    assert "matrix-product ceiling" in capsys.readouterr().out


def test_a_start_that_all_workers_wait_for_does_not_count_as_collecting(tmp_path, monkeypatch):
    collect = real_game.collect

    def slowly(*arguments, **settings):
        time.sleep(4)
        return collect(*arguments, **settings)

    monkeypatch.setattr(real_game, "collect", slowly)
    warm, whole = real_game._collecting(tmp_path / "collected", LocalExecutor(0), 0, 20)
    assert whole < 12 * 20 / 4 < warm


def test_a_rate_that_cannot_be_measured_says_why(tmp_path):
    with pytest.raises(JobError, match="latent_rate could not be measured: WorldModelError"):
        real_game._together(real_game.latent_rate, (str(tmp_path / "none"), 3), LocalExecutor(0))


def test_the_peak_memory_of_a_process_is_not_that_of_the_one_that_started_it():
    held = np.ones(200_000_000, np.uint8)
    program = "from dreamgym.benchmark.measure import peak_memory; before = peak_memory(); held = b'x' * 50_000_000; "
    program += "print(before, peak_memory())"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    before, after = map(float, done.stdout.split())
    assert before < held.nbytes / 1e6
    assert 40 < after - before < 60


def test_a_curve_needs_a_run(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_command(benchmark, ["--output", str(tmp_path / "none.json"), "--plot", str(tmp_path / "scaling.png")])
    assert "run dreamgym benchmark first" in capsys.readouterr().err
    assert not (tmp_path / "scaling.png").exists()


def test_measures_are_taken_in_turn_and_the_first_round_does_not_count():
    from rich.console import Console

    order = []
    measures = [Measure(name, "steps/s", lambda name=name: order.append(name) or 5.0) for name in "ab"]
    results = interleave(measures, 3, 0.0, Console(quiet=True))
    assert order == ["a", "b"] * 4
    assert len(results.rates["a"]) == 3
    assert results.median("b") > 0


def test_ratios_are_those_of_a_round():
    results = Results({}, {"fast": [100.0, 10.0, 90.0], "slow": [10.0, 1.0, 3.0]})
    assert results.ratio("fast", "slow") == 10.0


def test_a_bar_is_met_from_its_own_side():
    assert Bar("speed", 2.0, 1.0).met
    assert not Bar("time", 2.0, 1.0, at_least=False).met
