"""The window of ``dreamgym play``: a hand on the keys drives the dream, the real game, or both side by side."""

import os

# pygame greets everybody who imports it.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
# SDL would show pictures through OpenGL. Mesa's OpenGL on the CPU crashes in a process that has loaded TensorFlow, and
# takes longer than the copy that SDL makes without it.
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
