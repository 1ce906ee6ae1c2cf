"""The engine in OpenVINO: a graph for all nets of a shape, for CPUs."""
