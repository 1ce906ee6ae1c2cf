"""Redis: the connection, and what is kept there."""
