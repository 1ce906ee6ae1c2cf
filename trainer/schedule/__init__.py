"""The staged ratio schedule, and the guards that hold it."""
