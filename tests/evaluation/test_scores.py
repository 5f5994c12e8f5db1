"""Statistics, files and tables of scores."""

import io
import math
import statistics

import numpy as np
import pytest
from rich.console import Console

from dreamgym.errors import DataError
from dreamgym.evaluation.scores import Evaluation, evaluation_table, load_evaluations, save_evaluations


def test_the_figures_are_the_usual_ones():
    result = Evaluation("me", "c", "real", "Game-v0", "t", None, None, 9, [1, 2, 3], [1.0, 2.0, 6.0], [9, 9, 9], 0.1)
    assert (result.n, result.mean, result.median, result.min, result.max) == (3, 3.0, 2.0, 1.0, 6.0)
    assert result.sd == pytest.approx(statistics.stdev([1, 2, 6]))
    assert result.standard_error == pytest.approx(np.std([1, 2, 6], ddof=1) / math.sqrt(3))


def test_an_evaluation_survives_its_file(tmp_path):
    one = Evaluation("a", "c", "dream", "D-v0", "t", "folder", 0.5, 9, [1], [4.0], [9], 0.1, [7], {"numpy": "2"})
    two = Evaluation("b", "d", "real", "G-v0", "t", None, None, 9, [1, 2], [1.0, 2.0], [9, 9], 0.1)
    path = one.save(tmp_path / "evaluation" / "dream-1.json", baselines=[two])
    assert load_evaluations(path) == [one, two]
    assert save_evaluations(tmp_path / "again.json", [one, two]).read_bytes() == path.read_bytes()
    assert one.to_json()["sd"] is None, "JSON has no NaN"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DataError, match="not a file of evaluations"):
        load_evaluations(path)


def test_the_table_has_a_row_each():
    one = Evaluation("mine", "c", "real", "G-v0", "t", None, None, 9, [1, 2], [1.0, 3.0], [9, 9], 0.1, [3])
    console = Console(width=160, file=io.StringIO())
    console.print(evaluation_table([one, one]))
    text = console.file.getvalue()
    assert text.count("mine") == 2
    assert "2.0" in text
    assert "1.4" in text
    assert "1 failed" in text
