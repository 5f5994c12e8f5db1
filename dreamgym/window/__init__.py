"""The window of ``dreamgym play``: a hand on the keys drives the dream, the real game, or both side by side."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # pygame greets everybody who imports it
