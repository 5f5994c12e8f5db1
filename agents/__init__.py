"""Agents to read and to copy: programs that use nothing but dreamgym's public names."""
