"""``dreamgym record``: a film of a policy."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.commands import cli
from dreamgym.commands.exchanging import exchanging
from dreamgym.play.settings import EnvSettings
from dreamgym.running.checks import above, at_least, check_settings
from dreamgym.storage.settings import RemoteSettings
from dreamgym.tasks import Renderer
from dreamgym.video.record import VideoSettings, record


@dataclass(frozen=True)
class Args:
    """Films one episode of a policy: dreamgym record POLICY.

    Reads the policy and its world model, as dreamgym evaluate does. Writes an .mp4 or a .gif. The same seed gives the
    drive that dreamgym evaluate scores.
    """

    policy: str
    """random, smoothed, constant:0,0.3,0 (an action), a controller's .npz, a pretrained name, a .zip that an agent of
    Stable-Baselines3 or sb3-contrib saved (its VecNormalize statistics are not in it), or package.module:callable (a
    function from observation to action, an agent or a policy)."""
    output: Path = Path("videos/compare.mp4")
    """The .mp4 or .gif to write."""
    video: Annotated[VideoSettings, tyro.conf.arg(name="")] = field(default_factory=VideoSettings)
    world_model: str | None = None
    """Folder of a world model, or a pretrained name; found beside a controller if not given."""
    task: str | None = None
    """A task's name, or package.module:TASK; the experiment's, the world model's, or the car, if not given."""
    renderer: Renderer = "fast"
    """fast: the task's faster env where it has one; stock: the game as it is."""
    seed: int = 0
    """The episode's."""
    temperature: float | None = None
    """The dream's; the world model's own if not given."""

    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)

    def __post_init__(self) -> None:
        check_settings(self, seed=at_least(0), temperature=above(0))


def run(args: Args) -> None:
    """Films, and prints the file's name."""
    env = EnvSettings(
        task=args.task, world_model=args.world_model, renderer=args.renderer, temperature=args.temperature
    )
    needed = [args.world_model, *cli.policy_places(args.policy)]
    with exchanging(args.storage.remote, reads=needed, writes=[args.output]):
        path = record(args.policy, args.output, cli.complete(env, args.policy), args.video, seed=args.seed)
    print(f"saved: {path}")
