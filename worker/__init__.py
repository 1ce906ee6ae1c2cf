"""The worker: the transform net, its file format, engines and the album pipeline."""
