"""Evolution of C by CMA-ES, in the dream or in the real game."""
