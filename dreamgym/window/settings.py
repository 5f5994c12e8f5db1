"""What is driven, and how."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dreamgym.running.checks import above, at_least, check_choice, check_settings
from dreamgym.tasks import Renderer

View = Literal["dream", "real", "both"]
VIEWS: tuple[View, ...] = ("dream", "real", "both")


@dataclass(frozen=True)
class DriveSettings:
    """A drive in the window."""

    world_model: str | None = None
    """Folder of a world model, or a pretrained name; the first pretrained one if neither this nor a task is given."""
    task: str | None = None
    """A task's name, or package.module:TASK; the world model's if not given. Without a world model the real game alone
    is driven."""
    policy: str | None = None
    """Who drives when the wheel is handed over, named as for dreamgym evaluate; the world model's controller if not
    given."""
    view: View | None = None
    """What is driven first: dream, real, or both side by side; the dream where there is a world model."""
    renderer: Renderer = "fast"
    """fast: the task's faster env where it has one; stock: the game as it is."""
    seed: int = 0
    """Decides the first real episode and the dream's noise. Every further start of the real game adds 1."""
    temperature: float | None = None
    """The dream's at the beginning; the world model's own if not given."""
    fps: float | None = None
    """Frames of the game per second; the game's own if not given."""
    idle: int | None = None
    """The action of a Discrete space while no key is held; the game's own keys tell, else 0."""
    wait: bool = False
    """Wait for a key before every decision, as a turn-based game does."""
    full_range: bool = False
    """Keys reach the bounds of the action space; by default they reach as far as the task's action head."""
    output: Path = Path("drives")
    """Folder of the films and episodes that are saved."""

    def __post_init__(self) -> None:
        check_choice("renderer", self.renderer, ("fast", "stock"))
        if self.view is not None:
            check_choice("view", self.view, VIEWS)
        check_settings(self, seed=at_least(0), temperature=above(0), fps=above(0))
