"""What everything above is made of: rows, states, CopyImage's members, calls, roles and permissions. Imports nothing
of the other floors."""
