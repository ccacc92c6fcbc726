"""How fast the list answers when it is long: 100,000 unread studies, 1,000,000 that were read.

    python benchmarks/worklist.py [--unread 100000] [--read 1000000] [--requests 40]
        [--browsers 50] [--outcomes 10] [--json FILE] [--folder DIR]

Makes an embedded PostgreSQL in a temporary folder, fills it by COPY with made-up studies (series
and outcomes of three detectors; no pixels, and no history), starts `vigie web` on it with default
settings, and asks it over HTTP on the loopback as the page does. Before each request the list is
changed, so that no answer comes from memory. Then browsers hold the event stream open, an outcome
is recorded, and each asks for its page anew after the pause in which the real page gathers changes.

Needs about 5 GB of disk and some minutes; with --folder the filled database is kept and used again.
Exit codes: 0 every target is met, 1 one is missed.
"""

import importlib
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent

# Python looks in the folder of what is run first, and would take this file for the package
# `worklist`: in this benchmark, and in every other one beside it.
if __name__ in {"__main__", "worklist"}:
    sys.path[:] = [one for one in sys.path if Path(one).resolve() != _HERE]
if __name__ == "worklist":
    del sys.modules["worklist"]
    importlib.import_module("worklist")
if __name__ == "__main__":
    sys.path.insert(0, str(_HERE.parent))
    importlib.import_module("benchmarks.long_list").main(__doc__.partition("\n")[0])
