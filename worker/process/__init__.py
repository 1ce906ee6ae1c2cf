"""The life of a worker or trainer process: how it starts, is watched and ends."""
