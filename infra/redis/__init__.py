"""Redis: the connection, and the records kept there."""
