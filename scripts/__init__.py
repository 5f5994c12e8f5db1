"""Command lines, one a stage."""

import os

# TensorFlow tells every process that imports it a dozen lines about CPUs and drivers that nobody asked for.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
