"""Jobs on a Ray cluster: one worker per core, or one per machine, on every node, also on nodes that join later."""
