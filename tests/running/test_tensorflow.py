"""V and M do not depend on how a user's Keras is configured."""

import json
import os
import subprocess
import sys

import pytest

from dreamgym.errors import TrainingError
from dreamgym.running.tensorflow import keras, standard_config

TRAINED = """
import os, pathlib, numpy as np
from dreamgym.models.fit import Batches
from dreamgym.models.settings import VisionSettings
from dreamgym.models.training import train_vision
frames = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3)).astype(np.uint8)
arrays = train_vision(Batches(lambda epoch: iter([frames]), 1, ""), frames, pathlib.Path("v"), VisionSettings(epochs=1),
                      latent_size=4, verbose=0)
assert {array.dtype for array in arrays.values()} == {np.dtype("float32")}
import keras
print(keras.config.floatx(), keras.config.image_data_format(), os.environ.get("KERAS_BACKEND"))
"""


def test_a_users_keras_configuration_does_not_reach_v(tmp_path):
    config = {"backend": "torch", "floatx": "float64", "image_data_format": "channels_first", "epsilon": 1e-7}
    (tmp_path / "keras.json").write_text(json.dumps(config))
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", TRAINED], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-1000:]
    assert done.stdout.split() == ["float64", "channels_first", "torch"], "what the user set is left alone"


def test_another_backend_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(TrainingError, match="Keras runs on 'torch' in this process"), standard_config():
        pass
