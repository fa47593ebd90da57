"""Converts model files of other formats to ONNX."""
