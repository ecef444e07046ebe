"""`make fuzz`: the same properties as in `make test-all`, for 20,000 submissions no run has seen before.

Shares them among as many processes as the machine has cores, adds up their figures and prints them.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

FILES = ("test_fuzz.py", "test_fuzz_addresses.py", "test_fuzz_server.py")
TEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/web/{name}" for name in FILES)]


def main() -> int:
    """The exit code: 0 when every property held."""
    wanted = int(os.environ.get("FUZZ_SUBMISSIONS", "20000"))
    first_seed = int(os.environ.get("FUZZ_SEED", secrets.randbelow(10**6)))
    shares = os.cpu_count() or 1
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        running = [
            subprocess.Popen(
                [sys.executable, *TEST],
                env={
                    **os.environ,
                    "FUZZ_SUBMISSIONS": str(-(-wanted // shares)),
                    "FUZZ_SEED": str(first_seed + share),
                    "FUZZ_FIGURES": str(Path(folder) / f"{share}.json"),
                },
            )
            for share in range(shares)
        ]
        codes = [process.wait() for process in running]
        figures: Counter[str] = Counter()
        for path in Path(folder).glob("*.json"):
            figures.update(json.loads(path.read_text()))
    words = ", ".join(f"{count:,} {what}" for what, count in figures.items())
    sys.stdout.write(f"\nIn all: {words}; {time.monotonic() - begun:.0f} s, first seed {first_seed}\n")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
