"""V and M on two logical devices are trained as on one. Each runs in its own process, which has so many devices."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dreamgym.running.files import read_npz

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from dreamgym.running.tensorflow import tf
devices, folder = int(sys.argv[1]), Path(sys.argv[2])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
from dreamgym.models.fit import Batches
from dreamgym.models.replicas import training_devices
from dreamgym.models.settings import MemorySettings, MemorySizes, VisionSettings
from dreamgym.models.training import train_memory, train_vision
assert len(training_devices(4)) == devices
assert len(training_devices(3)) == 1
rng = np.random.default_rng(0)
frames = np.tile(rng.integers(0, 256, (24, 8, 8, 3), np.uint8), (1, 8, 8, 1))
batches = Batches(lambda epoch: (frames[i : i + 4] for i in range(0, 16, 4)), 4, "some frames")
how = VisionSettings(epochs=2, batch_size=4)
vision = train_vision(batches, frames[16:], folder / "v", how, latent_size=4, verbose=0)
n, steps = 10, 6
data = {"mu": rng.standard_normal((n, steps + 1, 4)), "logvar": np.full((n, steps + 1, 4), -1.0)}
data |= {"action": rng.standard_normal((n, steps, 2)), "target": rng.standard_normal((n, steps))}
data |= {"done": np.zeros((n, steps)), "weight": np.arange(steps) < steps - (np.arange(n)[:, None] % 3 == 0)}
data = {name: values.astype(np.float32) for name, values in data.items()}
held = {name: values[7:] for name, values in data.items()}  # the last batch is padded
settings = MemorySettings(epochs=2, batch_size=2, sequence_length=steps)
memory = train_memory(data, held, folder / "m", settings, sizes=MemorySizes(8, 2), verbose=0)
np.savez(folder / "weights.npz", **vision, **memory._asdict())
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(f"devices-{n}") for n in (1, 2)]
    for n, folder in enumerate(folders, 1):
        words = [sys.executable, "-c", PROGRAM, str(n), str(folder)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr[-2000:]
    return folders


@pytest.mark.parametrize("model", "vm")
def test_the_losses_of_two_devices_follow_those_of_one(trained, model):
    one, two = (list(csv.DictReader((folder / model / "log.csv").read_text().splitlines())) for folder in trained)
    assert len(one) == len(two) == 2
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_allclose(float(a[name]), float(b[name]), rtol=2e-4, atol=1e-5, err_msg=name)


def test_the_weights_are_those_of_one_device(trained):
    one, two = (read_npz(folder / "weights.npz") for folder in trained)
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=2e-3, err_msg=name)
        assert np.median(np.abs(one[name] - two[name])) < 1e-5
