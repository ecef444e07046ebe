"""What amicopy costs, measured: `make bench` runs every topic, `make bench TOPICS="audit web"` some.

A topic is a module `benchmarks/<topic>.py` with a docstring whose first line says what it is about, and two names:

    FIGURES = (Figure("page_ms_p95", "ms", "the history's first page with 1,000,000 events", at_most=200.0),)

    def measure() -> dict[str, float]:
        return {"page_ms_p95": ...}     # a number for each name in FIGURES, and no other

`measure` runs in a process of its own with Django set up on a fresh, migrated SQLite database with the sample people.
What counts is a ratio measured side by side, and the median of several. The numbers go to `results.json`, the
circumstances to `runs.json`, and `docs/benchmarks.md` is made from both and from FIGURES (`python -m benchmarks --page`
makes it without measuring). A figure's `mend` stands on that page while its target is missed.
"""
