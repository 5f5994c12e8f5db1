"""What runs the work: worker processes, files, progress, threads, seeds, locks and provenance."""
