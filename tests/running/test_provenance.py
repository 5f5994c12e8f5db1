"""Formats, hashes and comparisons of settings."""

import numpy as np
import pytest

from dreamgym.errors import DataError
from dreamgym.running.provenance import FORMATS, check_format, differences, hash_arrays, keep_settings, plain_data


def test_later_formats_are_refused_and_earlier_ones_read():
    for kind, version in FORMATS.items():
        check_format(kind, np.array(version))
        check_format(kind, 0)
        with pytest.raises(ValueError, match=f"its format is {version + 1}, this dreamgym reads up to {version}"):
            check_format(kind, version + 1)


def test_a_hash_depends_on_names_shapes_and_values():
    arrays = {"a": np.arange(6.0), "b": np.ones((2, 3))}
    same = {"b": np.ones((2, 3), np.float32), "a": np.arange(6.0, dtype=np.float32)}
    assert hash_arrays(arrays) == hash_arrays(same)
    for change in (
        {"a": np.arange(6.0) + 1},
        {"a": np.arange(6.0).reshape(2, 3)},
        {"c": np.zeros(1)},
        {"b": np.ones((2, 3)).T},
    ):
        assert hash_arrays(arrays | change) != hash_arrays(arrays)
    assert hash_arrays({"a": np.arange(6).reshape(2, 3).T}) == hash_arrays({"a": np.arange(6).reshape(2, 3).T.copy()})


def test_differences_are_named_by_their_place():
    old = {"rounds": 1, "vision": {"epochs": 3, "seed": 0}, "gone": 1, "shape": (1, 2)}
    new = {"rounds": 2, "vision": {"epochs": 4, "seed": 0}, "shape": [1, 2]}
    assert differences(old, new) == ["gone: 1 became 'nothing'", "rounds: 1 became 2", "vision.epochs: 3 became 4"]
    assert differences(old, old) == []


def test_settings_are_kept_with_what_they_made(tmp_path):
    path = tmp_path / "new" / "settings.json"
    keep_settings(path, {"seed": 0}, DataError, "use another folder")
    keep_settings(path, {"seed": 0}, DataError, "use another folder")
    with pytest.raises(DataError, match=r"settings\.json.*seed: 0 became 1.*use another folder"):
        keep_settings(path, {"seed": 1}, DataError, "use another folder")
    path.write_text("{")
    with pytest.raises(DataError, match=r"settings\.json is broken"):
        keep_settings(path, {"seed": 0}, DataError, "use another folder")


def test_a_setting_of_later_versions_may_be_missing_but_not_differ(tmp_path):
    path = tmp_path / "settings.json"
    keep_settings(path, {"seed": 0}, DataError, "use another folder")
    keep_settings(path, {"seed": 0, "later": 1}, DataError, "use another folder", new=["later"])
    with pytest.raises(DataError, match="later: 'nothing' became 1"):
        keep_settings(path, {"seed": 0, "later": 1}, DataError, "use another folder")


def test_functions_are_known_by_their_code_and_not_by_their_layout():
    def one(x):
        return x + 1

    first = plain_data(one)

    def one(x):  # a comment

        return x + 1

    assert plain_data(one) == first

    def one(x):
        return x + 2

    assert plain_data(one) != first
    assert plain_data({"a": np.float32(1), "b": (1, [one]), "c": object()})["a"] == 1.0
    assert "0x" not in str(plain_data(object()))
    assert plain_data(len) == "len"
