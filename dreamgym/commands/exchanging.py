"""What commands do with a remote: fetch what they read, push what they write, or leave that to workers elsewhere."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dreamgym.errors import ExperimentError, RemoteError, SettingsError
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.find import find_experiment_of
from dreamgym.storage.compare import Wanted
from dreamgym.storage.exchange import Exchange
from dreamgym.storage.mirror import Mirror
from dreamgym.storage.remote import Remote
from dreamgym.storage.remote_files import RemoteFiles


@contextmanager
def exchanging(
    remote: str | None,
    *,
    reads: Iterable[str | Path | None] = (),
    writes: Iterable[str | Path] = (),
    wanted: Wanted | None = None,
    shared: Iterable[Path] = (),
) -> Iterator[list[RemoteFiles] | None]:
    """Fetches what a stage reads and goes on from, and pushes what it writes while the context lasts.

    The remote is the experiment's that the files lie in, or else this working directory's: names in it are the paths
    below that folder. What is read from elsewhere is let be.

    Args:
        remote: Its address; the one in the experiment's config if None, and there may be none.
        reads: Files and folders.
        writes: Files and folders.
        wanted: Which names in them count; all if None.
        shared: Those of them that workers on other machines read and write in the remote. They are not fetched.

    Yields:
        The shared folders in the remote; None if there are none, or no remote that holds all of them.

    Raises:
        SettingsError: Something is written elsewhere, with a remote given.
        RemoteError: What is read is damaged in the remote, or was fetched in part only.
    """
    outputs, inputs = [Path(path) for path in writes], [Path(path) for path in reads if path is not None]
    experiment = next(filter(None, map(find_experiment_of, [*outputs, *inputs])), None)
    folder = Path.cwd() if experiment is None else experiment.folder
    mirror = _mirror_of(experiment, folder, remote)
    outside = [path for path in outputs if _inside(path, folder) is None]
    if outside and remote is not None:
        raise SettingsError(f"{outside[0]} lies outside of {folder}, which the remote is for; name a path in it")
    names = [name for path in outputs if (name := _inside(path, folder)) is not None]
    needed = [name for path in inputs if (name := _inside(path, folder)) is not None]
    with Exchange(folder, mirror, names, wanted=wanted) as exchange:
        away = _places_there([] if mirror is None else shared, folder)
        exchange.settle(away)
        fetched = exchange.fetch([name for name in (*needed, *names) if name not in away], wanted=wanted)
        for name, problem in fetched.damaged.items():
            if any(name == place or name.startswith(f"{place}/") for place in names):
                print(f"{problem}; it is made again", file=sys.stderr)
            else:
                raise RemoteError(f"{problem}; push it from a machine that has it whole, or make it again")
        yield [mirror.files(place) for place in away] if away and mirror is not None else None


def _places_there(shared: Iterable[Path], folder: Path) -> Sequence[str]:
    """The names of shared folders in the remote; none if one of them lies elsewhere."""
    names = [_inside(path, folder) for path in shared]
    found = [name for name in names if name is not None]
    return found if len(found) == len(names) else []


def _mirror_of(experiment: Experiment | None, folder: Path, remote: str | None) -> Mirror | None:
    try:
        named = experiment.mirror(remote) if experiment is not None else None
    except ExperimentError:  # another program's config.json in some folder above
        named = None
    return Mirror(folder, Remote(remote)) if named is None and remote is not None else named


def _inside(path: Path, folder: Path) -> str | None:
    """A path as the remote of a folder names it; None if it lies elsewhere."""
    path, folder = path.expanduser().resolve(), folder.resolve()
    if not path.is_relative_to(folder):
        return None
    return "" if path == folder else path.relative_to(folder).as_posix()
