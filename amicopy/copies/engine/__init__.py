"""What workers do with an approved copy, from QUEUED to its end: lease, slot, call, tracking, cancelling, leftovers."""
