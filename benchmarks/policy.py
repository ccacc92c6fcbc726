"""Minutes of waiting under Vigie's due times, under *flagged first*, and under other rules.

    python benchmarks/policy.py [--replications 40] [--studies 10000] [--seed 1]
        [--failures 0] [--json FILE] [--plot FILE.svg]

One reader, traffic 0.8, exponential readings of 10 min, prevalence 0.1, equal-variance binormal
scores of AUC 0.936 flagged at a sensitivity of 0.9, routine target 480 min, haemorrhage 10 min;
what is being read is finished first. Every order reads the same studies. Ratios are to *flagged
first* in the same run. Takes about a minute and a half of one core, and needs no node.
Exit codes: 0 every target is met, 1 one is missed.
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    # Before this folder, whose worklist.py would be taken for the package.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    importlib.import_module("benchmarks.policy_table").main(__doc__.partition("\n")[0])
