"""What the mark `slow` leaves out of `make test`."""

import sys
from pathlib import Path

from tests.conftest import SLOW_MODULE


def test_a_module_that_is_slow_as_a_whole_is_known_by_its_text() -> None:
    for name, module in sorted(sys.modules.items()):
        if name.startswith("tests.") and module.__file__ and hasattr(module, "pytestmark"):
            marks = module.pytestmark if isinstance(module.pytestmark, list) else [module.pytestmark]
            slow = "slow" in {mark.name for mark in marks}
            assert bool(SLOW_MODULE.search(Path(module.__file__).read_text())) == slow, name
