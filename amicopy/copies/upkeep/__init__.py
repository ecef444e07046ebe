"""Looking after an installation: its accounts, its own health, changes made past it, the head of its history."""
