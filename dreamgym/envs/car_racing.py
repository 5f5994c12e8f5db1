"""FastCarRacing: gymnasium's CarRacing-v3 with the same frames, drawn some fifteen times faster."""

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import Env
from gymnasium.envs.box2d import car_racing as stock
from numpy.typing import NDArray

from dreamgym.envs.car_physics import ScalarCar

if TYPE_CHECKING:
    from dreamgym.envs.car_view import View

_MAX_START_SPEED = 60.0


class FastCarRacing(stock.CarRacing):
    """CarRacing-v3 with its own renderer for the observation.

    Physics, tracks, rewards, flags and arguments are CarRacing-v3's, and so are the pictures that `render()`
    returns or shows. Each observation is a new, contiguous uint8 `[96, 96, 3]` array. An env keeps all that it
    draws with to itself, so that different envs may be stepped in different threads.

    `reset` understands CarRacing-v3's `options` and, beyond them:

    - `start_tile`: an int, the tile (modulo the track's length) on which the car starts, along the road.
    - `start_speed`: a float, metres a second straight ahead, wheels rolling; 0 if left out.
    - `random_start`: if true, tile and speed (0..60) are drawn from the env's generator, once the track is made;
      a given `start_tile` or `start_speed` still counts.
    - `skip_zoom`: if true, the episode's clock starts at one second, when the camera has zoomed in.

    Without these an episode is CarRacing-v3's, number for number.

    Args:
        render_mode: `rgb_array`, `human`, `state_pixels` or None.
        verbose: Prints what track generation does.
        lap_complete_percent: The share of tiles to visit before a lap counts.
        domain_randomize: Draws new colours at each reset.
        continuous: Actions are steering, gas and brake; else one of five.
        draw: Whether to draw the observations; without it they are black (`state_pixels` pictures too), and a step
            takes a fraction of its time.
    """

    def __init__(
        self,
        render_mode: str | None = None,
        verbose: bool = False,
        lap_complete_percent: float = 0.95,
        domain_randomize: bool = False,
        continuous: bool = True,
        draw: bool = True,
    ):
        super().__init__(render_mode, verbose, lap_complete_percent, domain_randomize, continuous)
        self._draw = draw
        self._view: View | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Makes a new track and puts the car on it.

        Args:
            seed: Seeds the env's generator, if given.
            options: See the class.

        Returns:
            The first frame, uint8 `[96, 96, 3]`, and an empty info.
        """
        Env.reset(self, seed=seed)
        options = options or {}
        self._clear()
        if self.domain_randomize:
            self._reinit_colors(options.get("randomize", True))
        while not self._create_track():
            if self.verbose:
                print("retry to generate track (normal if there are not many instances of this message)")
        self._start(options)
        if self._draw:
            self._watch()
        if self.render_mode == "human":
            self.render()
        return super().step(None)[0], {}  # type: ignore[arg-type]

    def _clear(self) -> None:
        """Forgets the last episode."""
        self._destroy()
        listener = stock.FrictionDetector(self, self.lap_complete_percent)
        # The physics engine does not keep the listener alive.
        self.world.contactListener_bug_workaround = listener
        self.world.contactListener = listener
        self.reward = 0.0
        self.prev_reward = 0.0
        self.tile_visited_count = 0
        self.new_lap = False
        self.road_poly: list[tuple[Any, Any]] = []

    def _start(self, options: dict[str, Any]) -> None:
        """Puts the car where the options say."""
        tile, speed = 0, 0.0
        if options.get("random_start"):
            tile = int(self.np_random.integers(len(self.track)))
            speed = float(self.np_random.uniform(0.0, _MAX_START_SPEED))
        tile = int(options.get("start_tile", tile)) % len(self.track)
        speed = float(options.get("start_speed", speed))
        self.car = ScalarCar(self.world, *self.track[tile][1:4])
        if speed:
            self.car.roll(speed)
        self.t = 1.0 if options.get("skip_zoom") else 0.0

    def _watch(self) -> None:
        if self._view is None:
            # Waits until here, because numba takes longer to import than everything else together.
            from dreamgym.envs.car_view import View

            self._view = View()
        self._view.watch(self)

    def _render(self, mode: str) -> Any:
        if mode == "state_pixels" and not self._draw:
            return np.zeros((stock.STATE_H, stock.STATE_W, 3), np.uint8)
        if mode != "state_pixels" or self._view is None:
            return super()._render(mode)
        return self._view.frame(self)
