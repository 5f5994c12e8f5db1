"""``dreamgym web``: the dream as a page that any static server can serve."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.commands import cli
from dreamgym.running.checks import between, check_settings
from dreamgym.web.serve import serve
from dreamgym.web.site import SiteSettings, write_site


@dataclass(frozen=True)
class Args:
    """Writes the dream of a world model as a web page: dreamgym web NAME.

    Reads a world model and its controller. Writes a folder of static files: no server of its own, no network once it is
    loaded, nothing to build. With --serve it is served and opened at once.
    """

    world_model: str = "car-racing"
    """Folder of a world model, a pretrained name, or an experiment."""
    output: Path = Path("site")
    """The folder to write, new or of an earlier page."""
    controller: str | None = None
    """What drives while nobody does: a controller's .npz or a pretrained name; found beside the world model if not
    given."""
    task: str | None = None
    """The task as package.module:TASK, if no experiment names it."""
    site: Annotated[SiteSettings, tyro.conf.arg(name="")] = field(default_factory=SiteSettings)
    serve: bool = False
    """Serve the folder on this machine, and open it in the browser, until Ctrl-C."""
    port: int = 8000
    """Where it is served; 0 for any free port."""
    browser: bool = True
    """Open the browser; without it only the address is printed."""

    def __post_init__(self) -> None:
        check_settings(self, port=between(0, 65535))


def run(args: Args) -> None:
    """Writes the page, prints its size, and serves it if asked to."""
    world_model, controller = cli.load_trained(args.world_model, args.task, args.controller)
    folder = write_site(world_model, args.output, controller, args.site)
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    print(f"{folder}: {size:.1f} MB", flush=True)
    if controller is None:
        print("no controller beside the world model: nobody drives while no key is held; name one with --controller")
    if args.serve:
        serve(folder, args.port, open_browser=args.browser)
    else:
        print(f"serve it from anywhere, for example: python -m http.server --directory {folder}")
