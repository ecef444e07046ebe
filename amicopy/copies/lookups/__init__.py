"""What can be found out at AWS before AWS is asked to copy: the source, places, keys, names, permissions.

Everything here is help, nothing is needed: each question has a limit, is kept for minutes, and an answer that didn't
come is a `Missing` with words. Nothing here reads or writes the database, so that a question can be asked in a thread.
"""
