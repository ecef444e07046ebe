"""The form of a copy request, drawn from the table of parameters."""
