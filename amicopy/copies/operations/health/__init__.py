"""Whether this installation is well: one list of checks, shown by doctor, by the page System and by /metrics."""
