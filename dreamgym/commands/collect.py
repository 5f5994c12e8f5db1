"""``dreamgym collect``: episodes of the real game, one file each."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.commands import cli
from dreamgym.commands.exchanging import exchanging
from dreamgym.data.episodes import in_slice
from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.running.cluster.settings import ClusterSettings, open_executor
from dreamgym.running.lock import locked
from dreamgym.storage.settings import RemoteSettings
from dreamgym.tasks import Renderer


@dataclass(frozen=True)
class Args:
    """Collects episodes of the real game.

    Reads a controller or agent and its world model, if one plays. Writes one file per episode into the folder. Stopped
    anywhere, the same command makes the missing episodes. Next: dreamgym train-vae, or dreamgym encode.
    """

    folder: Path
    """Folder for the episodes."""
    task: str | None = None
    """A task's name, or package.module:TASK; the experiment's, the world model's, or the car, if not given."""
    policy: str = "smoothed"
    """random, smoothed, constant:0,0.3,0 (an action), a controller's .npz, a pretrained name, a .zip that an agent of
    Stable-Baselines3 or sb3-contrib saved (its VecNormalize statistics are not in it), or package.module:callable (a
    function from observation to action, an agent or a policy)."""
    world_model: Path | None = None
    """Folder of the world model that the policy observes with; found beside a controller if not given."""
    renderer: Renderer = "fast"
    """fast: the task's faster env where it has one; stock: the game as it is."""
    frame_skip: int | None = None
    """Steps of the game per decision; the world model's, or else the task's, if not given."""
    seed: int = 0
    """Decides all episodes."""
    workers: int | None = None
    """Processes; one per CPU core if not given, and 0 plays in this process."""
    place: Annotated[ClusterSettings, tyro.conf.arg(name="")] = field(default_factory=ClusterSettings)
    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)
    settings: Annotated[CollectSettings, tyro.conf.arg(name="")] = field(default_factory=CollectSettings)


def run(args: Args) -> None:
    """Collects, and prints the report."""
    world_model = None if args.world_model is None else str(args.world_model)
    given = EnvSettings(task=args.task, world_model=world_model, renderer=args.renderer, frame_skip=args.frame_skip)
    needed = [args.world_model, *cli.policy_places(args.policy)]
    wanted = partial(in_slice, first=args.settings.first_episode, episodes=args.settings.episodes)
    shared = [] if args.place.cluster is None else [args.folder]
    with (
        locked(args.folder),
        exchanging(args.storage.remote, reads=needed, writes=[args.folder], wanted=wanted, shared=shared) as there,
        open_executor(args.workers, args.place) as executor,
    ):
        report = collect(
            args.folder,
            args.policy,
            cli.complete(given, args.policy),
            args.settings,
            seed=args.seed,
            workers=executor,
            files=None if there is None else there[0],
        )
    print(
        f"{report.folder}: {report.episodes} episodes, {report.kept} kept, {report.made} made of {report.steps} steps"
    )
    for number, reason in report.failed:
        print(f"  episode {number} could not be played: {reason}")
