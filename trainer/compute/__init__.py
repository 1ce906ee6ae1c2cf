"""The arithmetic of training, and the machine that it runs on."""
