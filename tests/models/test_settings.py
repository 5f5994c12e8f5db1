"""Settings out of their range are refused when they are made."""

import math

import pytest

from dreamgym.errors import SettingsError
from dreamgym.models.settings import MemorySettings, VisionSettings

BAD_VALUES = {"epochs": 0, "batch_size": 0, "learning_rate": 0.0, "patience": -1}
BAD_VISION = {"first_steps": 0, **BAD_VALUES, "kl_tolerance": -0.1, "final_learning_rate": -1e-9, "contrast": -1.0}
BAD_MEMORY = {
    **BAD_VALUES,
    "sequence_length": 0,
    "final_learning_rate": -1e-9,
    "gradient_clip": 0.0,
    "input_noise": -0.1,
}
CASES = [(VisionSettings, *item) for item in BAD_VISION.items()] + [
    (MemorySettings, *item) for item in BAD_MEMORY.items()
]


def test_every_setting_has_a_case():
    assert set(BAD_VISION) == set(vars(VisionSettings()))
    assert set(BAD_MEMORY) == set(vars(MemorySettings()))


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
def test_a_value_out_of_range_or_not_finite_is_refused(kind, name, value):
    for bad in (value, math.nan, math.inf, "1"):
        with pytest.raises(SettingsError, match=rf"^{name.replace('_', '-')} is .* expected .*{kind.__name__}"):
            kind(**{name: bad})


def test_the_ends_of_the_ranges_are_accepted():
    VisionSettings(epochs=1, batch_size=1, learning_rate=1e-30, kl_tolerance=0, patience=0)
    MemorySettings(epochs=1, batch_size=1, sequence_length=1, final_learning_rate=0, patience=0)
