"""What the log says: its lines, what belongs together in it, and what never stands in it."""
