"""``python -m dreamgym``: the command line."""

from dreamgym.commands import main

if __name__ == "__main__":
    main()
