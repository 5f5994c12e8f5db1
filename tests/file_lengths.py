"""Checks that no module is longer than a reader can hold: ``python tests/file_lengths.py``."""

import sys
from pathlib import Path

LIMIT = 250
ROOT = Path(__file__).parents[1]


def too_long() -> list[str]:
    """Modules above the limit, with their lengths."""
    paths = sorted(path for folder in ("dreamgym", "agents", "scripts") for path in (ROOT / folder).rglob("*.py"))
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in paths}
    return [f"{name}: {length} lines, at most {LIMIT}" for name, length in lengths.items() if length > LIMIT]


if __name__ == "__main__":
    print("\n".join(too_long()) or "no module is too long")
    sys.exit(bool(too_long()))
