"""Doing what follows a copy: each step is read, compared, changed and read again, so that doing it twice does no
harm."""
