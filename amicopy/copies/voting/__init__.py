"""Whose votes a request needs, whose count, and what rules would ask for."""
