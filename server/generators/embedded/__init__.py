"""The embedded engine: continuous batching over an OpenVINO graph."""
