"""Whether a file is there whole or not at all."""

import io
import pickle

import numpy as np
import pytest

from dreamgym.running.files import read_npz, write_npz, write_whole


def test_folders_are_made_and_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.bin"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "no bytes")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.bin"]


def test_a_move_that_fails_leaves_nothing(tmp_path):
    folder = tmp_path / "taken"
    folder.mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(folder, b"a folder has the name")
    assert list(tmp_path.iterdir()) == [folder]
    assert not list(folder.iterdir())


def test_others_can_read_the_file(tmp_path):
    write_whole(tmp_path / "file.bin", b"")
    assert (tmp_path / "file.bin").stat().st_mode & 0o777 == 0o644


def test_arrays_come_back(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "text": np.array("road"), "none": np.zeros((0, 4))}
    write_npz(tmp_path / "arrays.npz", arrays)
    back = read_npz(tmp_path / "arrays.npz")
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype


def test_pickled_objects_are_refused_unopened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    np.savez(tmp_path / "bomb.npz", a=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="pickle"):
        read_npz(tmp_path / "bomb.npz")
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="pickle"):
        read_npz(tmp_path / "bare.npz")


def test_any_damage_is_one_kind_of_error(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(20.0), b=np.ones((3, 4)))
    good, path = buffer.getvalue(), tmp_path / "damaged.npz"
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(good)
        damaged[int(rng.integers(len(good)))] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged[: int(rng.integers(len(good) + 1))] if rng.random() < 0.3 else damaged)
        try:
            read_npz(path)
        except ValueError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("name", ["missing.npz", ""])
def test_what_cannot_be_read_is_the_same_error(tmp_path, name):
    with pytest.raises(ValueError, match="Error"):
        read_npz(tmp_path / name)
