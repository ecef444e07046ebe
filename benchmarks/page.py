"""`docs/benchmarks.md`, made wholly from the topics' FIGURES, `results.json` and `runs.json`."""

from collections.abc import Mapping, Sequence

from benchmarks.figures import Figure, shown

HEAD = """# Figures

Made by `make bench`; do not edit. Each topic says what it ran on. The waits and rates depend on the machine, so what
counts is the ratio to a bare part measured side by side in the same run.
"""
ANSWERS = {True: "met", False: "**missed**", None: ""}


def render(
    topics: Mapping[str, tuple[str, Sequence[Figure]]],
    results: Mapping[str, float],
    runs: Mapping[str, Mapping[str, str]],
) -> str:
    """The page; `topics` is title and figures by name. A figure that was never measured says so."""
    parts = [HEAD]
    for name, (title, figures) in topics.items():
        facts = runs.get(name)
        ran = "; ".join(f"{fact}: {value}" for fact, value in facts.items()) if facts else "Not measured yet."
        parts += [f"## {title}", "", f"`make bench TOPICS={name}`. {ran}", ""]
        parts += ["| figure | value | target | | what it is |", "| --- | ---: | --- | --- | --- |"]
        parts += [_row(figure, results.get(figure.name)) for figure in figures]
        missed = [figure for figure in figures if figure.name in results and not _good(figure, results[figure.name])]
        parts += [line for figure in missed if figure.mend for line in ("", f"`{figure.name}` misses: {figure.mend}")]
        parts.append("")
    return "\n".join(parts)


def _row(figure: Figure, value: float | None) -> str:
    number = "–" if value is None else f"{shown(value)} {figure.unit}".strip()
    answer = "" if value is None else ANSWERS[figure.met(value)]
    return f"| `{figure.name}` | {number} | {figure.target()} | {answer} | {figure.words} |"


def _good(figure: Figure, value: float) -> bool:
    return figure.met(value) is not False
