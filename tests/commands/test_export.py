"""``dreamgym export``, as someone types it. Experiments are exported in ``test_pipeline.py``."""

import sys

import numpy as np
import pytest

import dreamgym
from dreamgym.commands import export
from tests.commands import run_command


def test_a_pretrained_world_model_becomes_onnx_graphs(tmp_path, capsys):
    pytest.importorskip("onnx", reason="needs onnx, of the extra dreamgym[onnx]")
    run_command(export, ["car-racing", "--onnx", "--half", "--output", str(tmp_path), "--starts", "3"])
    names = {"encoder.onnx", "decoder.onnx", "step.onnx", "controller.onnx", "dream.json", "starts.npz"}
    assert {path.name for path in tmp_path.iterdir()} == names
    size = sum(path.stat().st_size for path in tmp_path.iterdir()) / 1e6
    assert f": {size:.1f} MB" in capsys.readouterr().out
    assert size < 10
    with np.load(tmp_path / "starts.npz") as starts:
        assert starts["h"].shape == (3, 256)


def test_half_precision_makes_m_smaller_too(tiny_world_model, tmp_path):
    folder, sizes = tiny_world_model.save(tmp_path / "model"), {}
    for name, words in {"plain": [], "half": ["--half"]}.items():
        run_command(export, [str(folder), *words, "--output", str(tmp_path / name)])
        sizes[name] = (tmp_path / name / "memory.npz").stat().st_size
        loaded = dreamgym.WorldModel.load(tmp_path / name)
        atol = 1e-3 if words else 0
        for mine, theirs in zip(loaded.memory, tiny_world_model.memory, strict=True):
            assert mine.dtype == np.float32
            np.testing.assert_allclose(mine, theirs, atol=atol)
    assert sizes["half"] < sizes["plain"]


def test_a_world_model_without_a_controller_is_exported_alone(tiny_world_model, tmp_path):
    folder = tiny_world_model.save(tmp_path / "model")
    run_command(export, [str(folder), "--output", str(tmp_path / "small"), "--starts", "2"])
    assert not (tmp_path / "small" / "controller.npz").exists()
    assert len(dreamgym.WorldModel.load(tmp_path / "small").starts) == 2


def test_mistakes_end_in_one_line(tmp_path, capsys, monkeypatch):
    with pytest.raises(SystemExit):
        run_command(export, ["nowhere-at-all", "--output", str(tmp_path / "out")])
    assert "holds no experiment" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit):
        run_command(export, ["car-racing", "--onnx", "--output", str(tmp_path / "out")])
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
