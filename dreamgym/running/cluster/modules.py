"""The user's own modules: what this process imported from outside the installed packages goes to the nodes."""

import sys
import sysconfig
from pathlib import Path


def user_modules() -> list[str]:
    """Files and package folders of the imported top-level modules that no package manager installed.

    Among them is the module of a task of the user's own, and what it imports from beside it. ``__main__`` cannot be
    imported elsewhere, and dreamgym has to be installed on every node.
    """
    installed = [Path(path).resolve() for path in _installed()]
    found: dict[str, None] = {}
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." in name or name in ("__main__", "dreamgym", "ray") or not file or not file.endswith(".py"):
            continue
        path = Path(file).resolve()
        if path.is_file() and not any(path.is_relative_to(place) for place in installed):
            found[str(path.parent if path.name == "__init__.py" else path)] = None
    return list(found)


def _installed() -> list[str]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = [path for name in names if (path := sysconfig.get_path(name))]
    # What an installer put elsewhere: Debian's dist-packages, a user's site, a venv's base.
    return places + [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
