"""Writes the dream as a web page. The same as ``dreamgym web``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("web")
