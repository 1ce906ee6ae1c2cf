"""What goes out: JSON, files and zips."""
