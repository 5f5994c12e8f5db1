"""The pipeline: an experiment's folder, settings, presets and stages, and how they are run, estimated and checked."""
