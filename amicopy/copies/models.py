"""Where Django looks for the models of this app; they live in `core`, and everything imports them from there."""

from amicopy.copies.core import models

__all__ = ("models",)
