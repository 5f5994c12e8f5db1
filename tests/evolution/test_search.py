"""The search maximises, saves everything, and goes on where it was stopped as if it had not been."""

import subprocess
import sys

import numpy as np
import pytest

from dreamgym.errors import ExperimentError, TrainingError
from dreamgym.evolution.search import CmaSearch


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


def test_a_kill_costs_its_generation_only(tmp_path):
    """A search killed while it evaluates leaves whole generations, and resumes into the same search."""
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from dreamgym.evolution.search import CmaSearch\n"
        "from tests.evolution.test_search import towards_ones\n"
        f"search = CmaSearch(Path({str(tmp_path / 'killed')!r}), np.zeros(5), sigma0=0.3, population=8)\n"
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
