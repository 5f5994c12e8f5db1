"""Games that nobody here wrote, each brought as a user brings one: a module that registers a Task."""

from typing import NamedTuple


class Game(NamedTuple):
    """A game of another package."""

    package: str  # as it is imported
    distribution: str  # as it is installed
    task: str  # package.module:TASK


_HERE = __name__
GAMES = {
    "minigrid_room": Game("minigrid", "minigrid", f"{_HERE}.mini_grid:ROOM"),
    "breakout": Game("ale_py", "ale-py", f"{_HERE}.atari:BREAKOUT"),
    "pong": Game("ale_py", "ale-py", f"{_HERE}.atari:PONG"),
    "vizdoom_take_cover": Game("vizdoom", "vizdoom", f"{_HERE}.doom:TAKE_COVER"),
    "flappy_bird": Game("flappy_bird_gymnasium", "flappy-bird-gymnasium", f"{_HERE}.flappy_bird:FLAPPY_BIRD"),
}
