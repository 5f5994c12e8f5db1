"""Films a policy in the real game, in the dream, or side by side. The same as ``dreamgym record``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("record")
