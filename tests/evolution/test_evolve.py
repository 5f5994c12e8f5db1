"""Evolution in the dream and in the real game: what is scored, kept, logged and gone on with."""

import json

import numpy as np
import pytest

from dreamgym import Dreams, LinearController, imagine, linear_policy
from dreamgym.errors import ExperimentError, SettingsError
from dreamgym.evolution.evolve import Beginning, generation_seed, train_in_dream, train_in_real
from dreamgym.evolution.settings import SearchSettings


def train_tiny(world_model, folder, generations=4, members=(), **options):
    names = {"seed", "initial", "score", "on_generation"}
    beginning = Beginning(**{name: value for name, value in options.items() if name in names})
    changes = {name: value for name, value in options.items() if name not in names}
    settings = SearchSettings(
        **{"candidates": 6, "dreams": 3, "horizon": 6, "generations": generations, "temperature": 1.0} | changes
    )
    return train_in_dream(world_model, folder, settings, beginning, members)


def test_it_trains_in_the_dream_and_keeps_the_best_scored_mean(car_world_model, tmp_path):
    scores = iter([3.0, 9.0, 5.0])
    seen, reports = [], []

    def score(parameters):
        seen.append(parameters)
        return [next(scores)]

    trained = train_tiny(
        car_world_model, tmp_path, 6, sigma=0.5, score=score, select_every=2, on_generation=reports.append
    )
    assert trained.score == 9.0
    np.testing.assert_array_equal(trained.controller.parameters, seen[1].astype(np.float32))
    kept = LinearController.load(tmp_path / "best.npz")
    np.testing.assert_array_equal(kept.parameters, trained.controller.parameters)
    assert kept.head == "steer_steadily"
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
        return [float(np.sum(parameters))]

    whole = train_tiny(car_world_model, tmp_path / "whole", 4, score=score, select_every=2)
    train_tiny(car_world_model, tmp_path / "parts", 2, score=score, select_every=2)
    logged = (tmp_path / "parts" / "log.csv").read_text().splitlines()
    parts = train_tiny(car_world_model, tmp_path / "parts", 4, score=score, select_every=2)
    assert len(calls) == 4
    np.testing.assert_array_equal(whole.mean, parts.mean)
    assert whole.score == parts.score
    assert (tmp_path / "parts" / "log.csv").read_text().splitlines()[:3] == logged


def test_without_scores_the_last_mean_is_kept(car_world_model, tmp_path):
    trained = train_tiny(car_world_model, tmp_path, 2)
    assert trained.score is None
    np.testing.assert_array_equal(trained.controller.parameters, trained.mean.astype(np.float32))


METHODS = {
    "cma-es": {"candidates": 16, "dreams": 4, "generations": 15, "sigma": 0.5},
    "gradient": {"dreams": 16, "generations": 30, "learning_rate": 0.05},
}


@pytest.mark.parametrize("method", METHODS)
def test_a_search_finds_what_the_dream_pays_for(car_world_model, tmp_path, method):
    """M pays for its second unit, so a controller that raises it must come out of the search."""
    kernel = np.zeros_like(car_world_model.memory.head_kernel)
    kernel[1, -2] = 1.0
    bias = car_world_model.memory.head_bias.copy()
    bias[-2:] = 0, -30
    paying = car_world_model.replace(memory=car_world_model.memory._replace(head_kernel=kernel, head_bias=bias))
    settings = SearchSettings(method=method, horizon=10, temperature=1.0, **METHODS[method])
    trained = train_in_dream(paying, tmp_path, settings)
    policy = linear_policy(paying.task.head(paying.codec))
    before_and_after = np.stack([np.zeros_like(trained.mean), trained.mean])
    returns = imagine(paying, policy, before_and_after, Dreams(32, horizon=10, seed=1)).returns
    assert (returns[1] > returns[0]).mean() > 0.9


def test_a_search_by_gradients_takes_the_same_options_and_no_real_game(car_world_model, tmp_path):
    plain = train_tiny(car_world_model, tmp_path / "plain", 2, method="gradient").mean
    other = car_world_model.memory._replace(head_kernel=-car_world_model.memory.head_kernel)
    for name, change in (
        ("members", {"members": [car_world_model.memory, other]}),
        ("dropout", {"dropout": 0.5}),
        ("l2", {"l2": 100.0}),
        ("seed", {"seed": 1}),
        ("learning_rate", {"learning_rate": 0.1}),
        ("gradient_clip", {"gradient_clip": 1e-9}),
    ):
        mean = train_tiny(car_world_model, tmp_path / name, 2, method="gradient", **change).mean
        assert not np.array_equal(mean, plain), name
    with pytest.raises(ExperimentError, match="use another folder"):
        train_tiny(car_world_model, tmp_path / "plain", 2)
    with pytest.raises(SettingsError, match="only the dream has gradients"):
        SearchSettings(method="gradient", env="real")


def test_options_change_the_fitness(car_world_model, tmp_path):
    other = car_world_model.memory._replace(head_kernel=-car_world_model.memory.head_kernel)
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
        car_world_model, tmp_path / "second", 1, head="steer_gas_brake", initial=first.controller, sigma=1e-6
    )
    np.testing.assert_allclose(second.mean, first.controller.parameters, atol=1e-4)
    third = train_tiny(car_world_model, tmp_path / "third", 1, initial=first.controller)
    assert third.controller.head == "steer_gas_brake"
    with pytest.raises(ExperimentError, match="initial parameters"):
        train_tiny(car_world_model, tmp_path / "fourth", 1, initial=first.controller.parameters)


def test_a_controller_is_not_taken_to_another_head_even_of_the_same_size(car_world_model, tmp_path):
    gentle = train_tiny(car_world_model, tmp_path / "gentle", 1, head="steer_gently").controller
    with pytest.raises(ExperimentError, match="steer_gently"):
        train_tiny(car_world_model, tmp_path / "calm", 1, head="steer_calmly", initial=gentle)


def test_it_trains_in_the_real_game_by_whatever_plays_it(car_world_model, tmp_path):
    seeds = []

    def play(parameters, seed):
        seeds.append(seed)
        return np.stack([parameters[:, 0], parameters[:, 0] + 2], axis=1)

    trained = train_in_real(
        car_world_model, tmp_path, play, SearchSettings(candidates=6, generations=3), Beginning(seed=4)
    )
    assert seeds == [generation_seed(4, generation) for generation in range(3)]
    assert len(set(seeds)) == 3
    solutions, fitness = (np.load(tmp_path / "generation-0000.npz")[name] for name in ("solutions", "fitness"))
    np.testing.assert_allclose(fitness, solutions[:, 0] + 1, rtol=1e-5)
    assert len(trained.mean) == 2 * 49


def test_broken_scores_are_named(car_world_model, tmp_path):
    train_tiny(car_world_model, tmp_path, 2, score=lambda parameters: [1.0], select_every=1)
    assert json.loads((tmp_path / "scores.json").read_text()) == {"0": [1.0], "1": [1.0]}
    (tmp_path / "scores.json").write_text("[1]")
    with pytest.raises(ExperimentError, match=r"scores\.json is broken"):
        train_tiny(car_world_model, tmp_path, 3, score=lambda parameters: [1.0])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("generations", 0),
        ("sigma", 0.0),
        ("sigma", float("nan")),
        ("dropout", 1.0),
        ("candidates", 1),
        ("env", "rael"),
        ("method", "cma"),
        ("learning_rate", 0.0),
        ("gradient_clip", -1.0),
    ],
)
def test_settings_are_checked(field, value):
    with pytest.raises(SettingsError, match=field.replace("_", "-")):
        SearchSettings(**{field: value})
