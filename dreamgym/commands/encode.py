"""``dreamgym encode``: episodes to latents."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.commands.exchanging import exchanging
from dreamgym.data.encode import encode_rollouts
from dreamgym.data.encode_job import Place
from dreamgym.data.episodes import in_slice
from dreamgym.models.arrays import load_vision
from dreamgym.running.checks import at_least, check_settings
from dreamgym.running.cluster.settings import ClusterSettings, open_executor
from dreamgym.running.lock import locked
from dreamgym.storage.settings import RemoteSettings
from dreamgym.world_model_folder import find_world_model


@dataclass(frozen=True)
class Args:
    """Encodes episodes with V: the mean and log variance of every frame's latents.

    Reads a folder of episodes and V. Writes one file per episode into the latents' folder. Latents that the same V made
    of the same episodes are kept, others are made anew. Next: dreamgym train-memory.
    """

    rollouts: Path
    """Folder of episodes."""
    latents: Path
    """Folder for their latents."""
    world_model: Path
    """V: a vision.npz that dreamgym train-vae wrote, or the folder or pretrained name of a world model."""
    first_episode: int = 0
    """The number of the first episode to encode."""
    episodes: int | None = None
    """Episodes to encode; all from the first one on, if not given."""
    place: Annotated[ClusterSettings, tyro.conf.arg(name="")] = field(default_factory=ClusterSettings)
    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)

    def __post_init__(self) -> None:
        check_settings(self, first_episode=at_least(0), episodes=at_least(1))


def run(args: Args) -> None:
    """Encodes, and prints the report."""
    needed = [args.rollouts, args.world_model]
    wanted = partial(in_slice, first=args.first_episode, episodes=args.episodes)
    shared = [] if args.place.cluster is None else [args.rollouts, args.latents]
    with (
        locked(args.latents),
        exchanging(args.storage.remote, reads=needed, writes=[args.latents], wanted=wanted, shared=shared) as there,
        open_executor(None, args.place) as executor,
    ):
        is_file = args.world_model.is_file()
        path = args.world_model if is_file else find_world_model(args.world_model) / "vision.npz"
        report = encode_rollouts(
            args.rollouts,
            args.latents,
            load_vision(path),
            executor=executor,
            first_episode=args.first_episode,
            episodes=args.episodes,
            place=None if there is None else Place(*there),
        )
    print(f"{report.folder}: latents of {report.episodes} episodes, {report.kept} kept, {report.made} made")
    for broken in report.failed:
        print(f"  {broken} is broken")
