"""A world model and its controller as ONNX graphs, for any language that has an ONNX runtime."""
