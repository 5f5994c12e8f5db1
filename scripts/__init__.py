"""Command lines, one a stage."""
