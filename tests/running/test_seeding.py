"""Seeds and streams: no two purposes share a generator."""

import ast
from pathlib import Path

import numpy as np
import pytest

import dreamgym
from dreamgym.errors import SettingsError
from dreamgym.running.seeding import (
    Stream,
    derive_seed,
    evaluation_seeds,
    generator,
    selection_seeds,
    training_seeds,
)


def test_no_stream_is_another():
    assert len({int(stream) for stream in Stream.__members__.values()}) == len(Stream.__members__)
    drawn = {generator(0, stream).random() for stream in Stream}
    assert len(drawn) == len(Stream)


def test_every_generator_of_the_package_is_made_here():
    """Dreams, and the benchmark's data, are seeded with a plain number, which is no stream."""
    for path in Path(dreamgym.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr == "default_rng" and path.name != "seeding.py":
                assert not any(isinstance(part, ast.List | ast.Tuple) for part in node.args), f"{path}:{node.lineno}"


def test_each_stream_is_used_by_one_module():
    used: dict[str, set[str]] = {}
    for path in Path(dreamgym.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Stream"
            if named:
                used.setdefault(node.attr, set()).add(path.name)
    assert set(used) == set(Stream.__members__)
    assert all(len(modules) == 1 for modules in used.values()), used


def test_seeds_follow_from_seed_and_index_and_fit_their_bits():
    seeds = [derive_seed(3, index) for index in range(1000)]
    assert len(set(seeds)) == 1000
    assert max(seeds) < 2**31
    assert derive_seed(3, 7) == seeds[7]
    assert derive_seed(4, 7) != seeds[7]
    assert 2**60 < max(derive_seed(0, index, bits=62) for index in range(100)) < 2**62
    assert max(derive_seed(0, index, bits=30) for index in range(100)) < 2**30


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_a_seed_is_a_whole_number_of_0_or_more(seed):
    with pytest.raises(SettingsError, match="seed is"):
        generator(seed, Stream.SEARCH)
    with pytest.raises(SettingsError, match="seed is"):
        derive_seed(seed, 0)


def test_seeds_are_kept_apart():
    scores, choices = evaluation_seeds(0, 10_000), selection_seeds(0, 10_000)
    assert scores[:5] == evaluation_seeds(0, 5)
    assert len({*scores, *choices}) == 20_000
    assert evaluation_seeds(1, 1) != evaluation_seeds(0, 1)
    for seed in range(50):
        assert 2**31 <= min(evaluation_seeds(seed, 10)) < max(evaluation_seeds(seed, 10)) < 3 * 2**30
        assert 3 * 2**30 <= min(selection_seeds(seed, 10)) < max(selection_seeds(seed, 10)) < 2**32


def test_training_seeds_are_below_those_of_scores():
    seeds = training_seeds(0, 1000)
    assert seeds[:10] == training_seeds(0, 10)
    assert len(set(seeds)) == 1000
    assert max(seeds) < 2**31 <= min(evaluation_seeds(0, 1) + selection_seeds(0, 1))


def test_streams_keep_their_generators():
    """Saved experiments and published scores depend on them."""
    np.testing.assert_array_equal(generator(5, Stream.POSTERIOR).random(3), np.random.default_rng([5, 4]).random(3))
    assert [derive_seed(0, i) for i in (0, 1)] == [
        int(np.random.SeedSequence([0, i]).generate_state(1)[0] >> 1) for i in (0, 1)
    ]
