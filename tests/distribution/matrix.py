"""Trainings on one device, on four, and in two processes of two: `make test-distributed`.

Prints a line for each case, and ends with 1 where one of them comes to other numbers.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from distribution.running import differences, train

CASES = (
    "plain",
    "plain+tails",
    "plain+stopping",
    "plain+wide+row_wise",
    "balanced",
    "uncertain",
    "catalogue",
    "hard",
    "counted",
    "uniform",
    "dropout",
    "history",
)


def main() -> int:
    num_wrong = 0
    for case in (f"{case}+judged" for case in CASES):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            [alone] = train(case, folder)
            for layout in ("spread", "rows"):
                for num_processes, num_devices in ((1, 4), (2, 2)):
                    results = train(f"{case}+{layout}", folder, num_processes, num_devices)
                    found = [name for each in results for name in differences(alone, each)]
                    num_wrong += bool(found)
                    where = f"{case}, {layout}: {num_processes} process(es), {num_devices} devices"
                    print(f"{where}: {', '.join(found[:3]) or 'the same'}", flush=True)
    return 1 if num_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
