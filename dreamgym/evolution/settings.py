"""Settings of a search for a controller."""

from dataclasses import dataclass
from typing import Literal

from dreamgym.errors import SettingsError
from dreamgym.play.settings import EnvName
from dreamgym.running.checks import above, at_least, check_choice, check_settings, inside


@dataclass(frozen=True)
class SearchSettings:
    """How C is trained."""

    env: EnvName = "dream"
    """Where candidates are scored."""
    method: Literal["cma-es", "gradient"] = "cma-es"
    """cma-es: evolution; gradient: Adam along the gradient of the return through M, one update a generation, which only
    the dream allows. Gradients want some 256 dreams of some 100 steps."""
    head: str | None = None
    """The task's action head. If not given: the initial controller's, or else the task's first one."""
    candidates: int = 64
    """Candidates per generation; a gradient has one."""
    dreams: int = 16
    """Dreams (or real episodes) per candidate."""
    horizon: int = 250
    """Steps of the game that a dream takes, at most the task's horizon."""
    generations: int = 40
    """Generations of the whole search, existing ones included."""
    sigma: float = 0.1
    """CMA-ES's initial step size."""
    separable: bool = False
    """Whether CMA-ES learns a diagonal covariance matrix instead of a full one."""
    learning_rate: float = 0.003
    """Adam's, of the method gradient."""
    gradient_clip: float = 1.0
    """The largest length of a gradient; longer ones are scaled down to it."""
    temperature: float = 0.3
    """The dream's."""
    members: int = 1
    """Ms in the ensemble; each dream runs on one of them."""
    dropout: float = 0.0
    """The fraction of M's recurrent units that a mask drops, one mask per dream."""
    l2: float = 0.0
    """Penalty on a candidate's squared length, in units of return."""
    select_every: int = 20
    """Generations between scores of the search's mean in the real game."""
    select_tracks: int = 16
    """Real episodes of such a score, used for nothing else."""

    def __post_init__(self) -> None:
        check_choice("env", self.env, ("dream", "real"))
        check_choice("method", self.method, ("cma-es", "gradient"))
        if self.method == "gradient" and self.env == "real":
            raise SettingsError("method is 'gradient' and env 'real'; only the dream has gradients")
        check_settings(
            self,
            candidates=at_least(2),
            dreams=at_least(1),
            horizon=at_least(1),
            generations=at_least(1),
            sigma=above(0),
            learning_rate=above(0),
            gradient_clip=above(0),
            temperature=above(0),
            members=at_least(1),
            l2=at_least(0),
            select_every=at_least(1),
            select_tracks=at_least(1),
        )
        if self.dropout:
            check_settings(self, dropout=inside(0, 1))
