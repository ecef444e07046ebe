"""Who has to approve a request, and whether that has happened."""
