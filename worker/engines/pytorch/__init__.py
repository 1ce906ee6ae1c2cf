"""The engine in PyTorch: the reference on a CPU, and what runs on CUDA."""
