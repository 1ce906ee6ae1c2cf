"""The trainer: losses, content corpus, the staged ratio schedule, and the training loop."""
