"""Scores a policy, beside its baselines. The same as ``dreamgym evaluate``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("evaluate")
