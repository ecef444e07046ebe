"""A figure: its name in `results.json`, what it says, and what it has to be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`unit` is empty for a ratio. `mend` says why the target is missed and what would mend it; only shown then."""

    name: str
    unit: str
    words: str
    at_least: float | None = None
    at_most: float | None = None
    mend: str = ""

    def target(self) -> str:
        """The target in words, empty where there is none."""
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{words} {shown(bound)}" for words, bound in bounds if bound is not None)

    def met(self, value: float) -> bool | None:
        """Whether a value is good enough; None without a target."""
        if not self.target():
            return None
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


def shown(value: float) -> str:
    """A number as people read it: three significant digits at least, thousands apart."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
