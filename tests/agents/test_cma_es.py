"""The search maximises, saves everything, and goes on where it was stopped as if it had not been."""

import json
import subprocess
import sys

import numpy as np
import pytest

from agents.cma_es import CmaSearch, generation_seed, train_in_dream, train_in_real
from dreamgym import LinearController, imagine, linear_policy
from dreamgym.errors import ExperimentError, TrainingError


def towards_ones(solutions, generation):
    return -np.sum((solutions - 1) ** 2, axis=1) + 0.01 * generation


def advanced(folder, generations, **kwargs):
    search = CmaSearch(folder, np.zeros(5), **{"sigma0": 0.3, "population": 8} | kwargs)
    while search.generation < generations:
        search.advance(towards_ones)
    return search


def test_it_maximises(tmp_path):
    search = advanced(tmp_path, 60)
    np.testing.assert_allclose(search.mean, 1, atol=0.05)
    assert search.fitnesses[-1].mean() > search.fitnesses[0].mean()


def test_a_resumed_search_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    advanced(tmp_path / "whole", 25)
    for stop in (1, 7, 18, 25):
        advanced(tmp_path / "parts", stop)
    for generation in range(25):
        whole, parts = (np.load(tmp_path / name / f"generation-{generation:04d}.npz") for name in ("whole", "parts"))
        for name in ("solutions", "fitness", "mean", "sigma"):
            np.testing.assert_array_equal(whole[name], parts[name])


def test_a_lost_generation_is_done_again_with_what_follows(tmp_path):
    whole = advanced(tmp_path, 6)
    (tmp_path / "generation-0003.npz").unlink()
    again = advanced(tmp_path, 6)
    np.testing.assert_array_equal(whole.mean, again.mean)


def test_seed_zero_is_a_seed_and_seeds_differ(tmp_path):
    means = [advanced(tmp_path / str(i), 3, seed=seed).mean for i, seed in enumerate((0, 0, 1))]
    np.testing.assert_array_equal(means[0], means[1])
    assert not np.array_equal(means[0], means[2])


def test_numpys_global_generator_neither_decides_nor_changes(tmp_path):
    np.random.seed(1)  # noqa: NPY002 - the global generator is what this is about
    first = advanced(tmp_path / "first", 5).mean
    drawn = np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002
    np.testing.assert_array_equal(advanced(tmp_path / "second", 5).mean, first)


def test_a_folder_belongs_to_one_search(tmp_path):
    advanced(tmp_path, 2)
    for change in ({"seed": 1}, {"sigma0": 0.2}, {"population": 9}, {"settings": {"horizon": 3}}):
        with pytest.raises(ExperimentError, match=next(iter(change)).replace("settings", "fitness")):
            advanced(tmp_path, 3, **change)
    (tmp_path / "search.json").write_text("{")
    with pytest.raises(ExperimentError, match=r"search\.json is broken"):
        advanced(tmp_path, 3)


def test_broken_or_foreign_generations_are_named(tmp_path):
    advanced(tmp_path / "a", 2)
    path = tmp_path / "a" / "generation-0001.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    with pytest.raises(ExperimentError, match=r"generation-0001\.npz is broken"):
        advanced(tmp_path / "a", 3)
    advanced(tmp_path / "b", 2, seed=5)
    path.write_bytes((tmp_path / "b" / path.name).read_bytes())
    with pytest.raises(ExperimentError, match="never asked for"):
        advanced(tmp_path / "a", 3)


@pytest.mark.parametrize("values", [np.zeros(7), np.full(8, np.nan), np.zeros((8, 2))])
def test_a_fitness_must_be_a_finite_number_a_candidate(tmp_path, values):
    search = CmaSearch(tmp_path, np.zeros(5), population=8)
    with pytest.raises(TrainingError, match="finite"):
        search.advance(lambda solutions, generation: values)
    assert not list(tmp_path.glob("generation-*"))


def train_tiny(world_model, folder, generations=4, **kwargs):
    return train_in_dream(world_model, folder, candidates=6, dreams=3, horizon=6, generations=generations, **kwargs)


def test_it_trains_in_the_dream_and_keeps_the_best_scored_mean(car_world_model, tmp_path):
    scores = iter([3.0, 9.0, 5.0])
    seen, reports = [], []

    def score(parameters):
        seen.append(parameters)
        return next(scores)

    trained = train_tiny(
        car_world_model, tmp_path, 6, sigma0=0.5, score=score, score_every=2, on_generation=reports.append
    )
    assert trained.score == 9.0
    np.testing.assert_array_equal(trained.controller.parameters, seen[1].astype(np.float32))
    kept = LinearController.load(tmp_path / "best.npz")
    np.testing.assert_array_equal(kept.parameters, trained.controller.parameters)
    assert kept.head == "steer_pedal"
    assert [report.score for report in reports] == [None, 3.0, None, 9.0, None, 5.0]
    assert all(report.seconds > 0 for report in reports)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0] == "generation,mean,best,sd,sigma,score,seconds"
    assert len(rows) == 7
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    np.testing.assert_array_equal(trained.mean, np.load(tmp_path / "generation-0005.npz")["mean"])


def test_resuming_in_the_dream_scores_nothing_twice(car_world_model, tmp_path):
    calls = []

    def score(parameters):
        calls.append(1)
        return float(np.sum(parameters))

    whole = train_tiny(car_world_model, tmp_path / "whole", 4, score=score, score_every=2)
    train_tiny(car_world_model, tmp_path / "parts", 2, score=score, score_every=2)
    logged = (tmp_path / "parts" / "log.csv").read_text().splitlines()
    parts = train_tiny(car_world_model, tmp_path / "parts", 4, score=score, score_every=2)
    assert len(calls) == 4
    np.testing.assert_array_equal(whole.mean, parts.mean)
    assert whole.score == parts.score
    assert (tmp_path / "parts" / "log.csv").read_text().splitlines()[:3] == logged


def test_without_scores_the_last_mean_is_kept(car_world_model, tmp_path):
    trained = train_tiny(car_world_model, tmp_path, 2)
    assert trained.score is None
    np.testing.assert_array_equal(trained.controller.parameters, trained.mean.astype(np.float32))


def test_evolution_finds_what_the_dream_pays_for(car_world_model, tmp_path):
    """M pays for its second unit, so a controller that raises it must come out of the search."""
    kernel = np.zeros_like(car_world_model.memory.head_kernel)
    kernel[1, -2] = 1.0
    bias = car_world_model.memory.head_bias.copy()
    bias[-2:] = 0, -30
    paying = car_world_model.replace(memory=car_world_model.memory._replace(head_kernel=kernel, head_bias=bias))
    trained = train_in_dream(paying, tmp_path, candidates=16, dreams=4, horizon=10, generations=15, sigma0=0.5)
    policy = linear_policy(paying.task.head(paying.codec))
    before_and_after = np.stack([np.zeros_like(trained.mean), trained.mean])
    returns = imagine(paying, policy, before_and_after, n_dreams=32, horizon=10, seed=1).returns
    assert (returns[1] > returns[0]).mean() > 0.9


def test_options_change_the_fitness(car_world_model, tmp_path):
    other = car_world_model.memory._replace(head_bias=car_world_model.memory.head_bias + 1)
    plain = train_tiny(car_world_model, tmp_path / "plain", 2).mean
    for name, change in (
        ("members", {"members": [car_world_model.memory, other]}),
        ("dropout", {"dropout": 0.5}),
        ("l2", {"l2": 100.0}),
        ("temperature", {"temperature": 0.1}),
        ("initial", {"initial": np.full(98, 0.5)}),
        ("seed", {"seed": 1}),
    ):
        assert not np.array_equal(train_tiny(car_world_model, tmp_path / name, 2, **change).mean, plain), name


def test_a_search_begins_at_a_controller(car_world_model, tmp_path):
    first = train_tiny(car_world_model, tmp_path / "first", 2, head="steer_gas_brake")
    second = train_tiny(
        car_world_model, tmp_path / "second", 1, head="steer_gas_brake", initial=first.controller, sigma0=1e-6
    )
    np.testing.assert_allclose(second.mean, first.controller.parameters, atol=1e-4)
    with pytest.raises(ExperimentError, match="initial parameters"):
        train_tiny(car_world_model, tmp_path / "third", 1, initial=first.controller)


def test_it_trains_in_the_real_game_by_whatever_plays_it(car_world_model, tmp_path):
    seeds = []

    def play(parameters, seed):
        seeds.append(seed)
        return np.stack([parameters[:, 0], parameters[:, 0] + 2], axis=1)

    trained = train_in_real(car_world_model, tmp_path, play, candidates=6, generations=3, seed=4)
    assert seeds == [generation_seed(4, generation) for generation in range(3)]
    assert len(set(seeds)) == 3
    solutions, fitness = (np.load(tmp_path / "generation-0000.npz")[name] for name in ("solutions", "fitness"))
    np.testing.assert_allclose(fitness, solutions[:, 0] + 1, rtol=1e-5)
    assert len(trained.mean) == 2 * 49


def test_a_kill_costs_its_generation_only(tmp_path):
    """A search killed while it evaluates leaves whole generations, and resumes into the same search."""
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from agents.cma_es import CmaSearch\n"
        "from tests.agents.test_cma_es import towards_ones\n"
        f"search = CmaSearch(Path({str(tmp_path / 'killed')!r}), np.zeros(5), 0.3, 8)\n"
        "def fitness(solutions, generation):\n"
        "    if generation == 4:\n"
        "        import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return towards_ones(solutions, generation)\n"
        "while True: search.advance(fitness)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert len(list((tmp_path / "killed").glob("generation-*.npz"))) == 4
    resumed, whole = advanced(tmp_path / "killed", 8), advanced(tmp_path / "whole", 8)
    np.testing.assert_array_equal(resumed.mean, whole.mean)


def test_broken_scores_are_named(car_world_model, tmp_path):
    train_tiny(car_world_model, tmp_path, 2, score=lambda parameters: 1.0, score_every=1)
    assert json.loads((tmp_path / "scores.json").read_text()) == {"0": 1.0, "1": 1.0}
    (tmp_path / "scores.json").write_text("[1]")
    with pytest.raises(ExperimentError, match=r"scores\.json is broken"):
        train_tiny(car_world_model, tmp_path, 3, score=lambda parameters: 1.0)
