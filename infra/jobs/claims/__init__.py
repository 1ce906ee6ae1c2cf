"""Claims: work under a lease, for workers and trainers."""
