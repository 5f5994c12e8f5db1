"""Jobs on a real Ray cluster on this machine: two nodes of one core."""
