"""Settings of the pages' build: `make docs` writes docs/_build/html."""

import urllib.request
from typing import Any

import dreamgym

project = "dreamgym"
author = "The dreamgym developers"
project_copyright = "the dreamgym developers, MIT licence"
release = version = dreamgym.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.intersphinx"]
exclude_patterns = ["_build"]
nitpicky = True
# What lies outside dreamgym is linked where its inventory can be read, and is plain text elsewhere.
nitpick_ignore_regex = [("py:.*", r"(?!dreamgym).*")]

myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebook is kept with its results; a test runs it
nb_output_stderr = "remove"  # TensorFlow's notes about GPUs

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"dreamgym {release}"
html_static_path: list[str] = []


def reachable(inventories: dict[str, str]) -> dict[str, tuple[str, None]]:
    """The sites that answer now. A build without a network links to none of them."""
    found = {}
    for name, site in inventories.items():
        try:
            with urllib.request.urlopen(f"{site}/objects.inv", timeout=5) as answer:
                if answer.read(18) == b"# Sphinx inventory":
                    found[name] = (f"{site}/", None)
        except (OSError, ValueError):
            continue
    return found


intersphinx_mapping = reachable(
    {
        "python": "https://docs.python.org/3",
        "numpy": "https://numpy.org/doc/stable",
        "gymnasium": "https://gymnasium.farama.org",
        "stable_baselines3": "https://stable-baselines3.readthedocs.io/en/master",
    }
)


def readable_signature(*about: Any) -> tuple[str | None, str | None]:
    """Shows a dataclass's default that a function makes as ``...``, which Sphinx can parse."""
    *_, signature, returns = about
    return (signature.replace("<factory>", "...") if signature else signature), returns


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", readable_signature)
