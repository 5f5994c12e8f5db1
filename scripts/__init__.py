"""One file per command, for people who work in a checkout."""
