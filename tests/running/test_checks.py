"""Settings are finite numbers of their ranges."""

from dataclasses import dataclass

import pytest

from dreamgym.errors import SettingsError
from dreamgym.running.checks import above, at_least, between, check_settings, inside


@dataclass(frozen=True)
class Settings:
    epochs: int = 1
    learning_rate: float = 1e-3
    share: float = 0.5
    rest: float = 0.5
    steps: int | None = None

    def __post_init__(self) -> None:
        check_settings(
            self,
            epochs=at_least(1),
            learning_rate=above(0),
            share=between(0, 1),
            rest=inside(0, 1),
            steps=at_least(1),
        )


@pytest.mark.parametrize(
    "good", [{}, {"epochs": 5}, {"learning_rate": 2}, {"share": 0}, {"share": 1}, {"rest": 0.1}, {"steps": 3}]
)
def test_what_is_in_range_passes(good):
    Settings(**good)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"epochs": 0}, "epochs is 0, expected a whole number, 1 or more"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"epochs": None}, "epochs is None"),
        ({"epochs": True}, "epochs is True"),
        ({"epochs": "3"}, "epochs is '3'"),
        ({"learning_rate": 0}, "learning-rate is 0, expected more than 0"),
        ({"learning_rate": float("nan")}, "learning-rate is nan"),
        ({"learning_rate": 10**400}, "learning-rate is 1000"),
        ({"share": 1.01}, "share is 1.01, expected 0 to 1"),
        ({"rest": 1}, "rest is 1, expected between 0 and 1"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_what_is_not_is_named(bad, named):
    with pytest.raises(SettingsError) as caught:
        Settings(**bad)
    assert named in str(caught.value)
