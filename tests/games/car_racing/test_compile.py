"""Compilation: its cache, and that frames do not depend on it."""

import hashlib
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from dreamgym.games.car_racing import compile as compilation
from dreamgym.games.car_racing.env import FastCarRacing

PLAIN_PYTHON = """
import sys, hashlib
from dreamgym.games.car_racing.env import FastCarRacing
assert "numba" not in sys.modules, "importing the env loads numba"
env = FastCarRacing()
first, _ = env.reset(seed=3, options={"start_tile": 40, "start_speed": 20.0, "skip_zoom": True})
import numba
assert numba.config.DISABLE_JIT
print(hashlib.sha256(first.tobytes()).hexdigest())
"""


def test_frames_are_the_same_when_compilation_is_switched_off():
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", PLAIN_PYTHON]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    options = {"start_tile": 40, "start_speed": 20.0, "skip_zoom": True}
    first, _ = FastCarRacing().reset(seed=3, options=options)
    assert done.stdout.split() == [hashlib.sha256(first.tobytes()).hexdigest()]


def test_without_a_writable_cache_it_warns_and_works(monkeypatch):
    njit = numba.njit

    def no_cache(*args, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available for file")
        return njit(*args, **options)

    monkeypatch.setattr(numba, "njit", no_cache)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
        double = compilation.compiled(lambda x: 2 * x)
    assert double(4) == 8


def test_machine_code_is_cached_until_the_digest_changes(tmp_path, monkeypatch):
    path = tmp_path / "doubling.py"
    path.write_text(
        "from dreamgym.games.car_racing.compile import compiled\n\n@compiled\ndef double(x):\n    return 2 * x\n"
    )
    loads = []
    for digest in ("before", "before", "after"):
        monkeypatch.setattr(compilation, "_sources", lambda digest=digest: digest)
        double = runpy.run_path(str(path))["double"]
        assert double(4) == 8
        loads.append(sum(double.stats.cache_hits.values()))
    assert loads == [0, 1, 0]


def test_the_digest_covers_every_module_of_the_renderer(tmp_path, monkeypatch):
    folder = tmp_path / "car_racing"
    shutil.copytree(Path(compilation.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    digest = compilation._sources.__wrapped__
    expected = digest()
    monkeypatch.setattr(compilation, "__file__", str(folder / "compile.py"))
    assert digest() == expected
    for name in ("canvas", "compile", "edges", "raster", "scene", "shrink"):
        path = folder / f"{name}.py"
        source = path.read_text()
        path.write_text(source + "\n")
        assert digest() != expected, name
        path.write_text(source)
    assert digest() == expected
