"""How the time of each model grows with the data: two builds of different size beside each other.

    python benchmarks/growth.py SMALL/target/run_results.json LARGE/target/run_results.json --times 20

Prints, for the models below models/ml and their marts, dbt's seconds in both builds, the growth, and the exponent p of
seconds ~ size ** p: 0 is no growth, 1 grows with the data, 2 would be a defect. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

FOLDERS = ("ml.", "marts.prediction.")


def seconds(path: Path) -> dict[str, float]:
    """dbt's seconds by model, of the models that this is about; ``path``: a run_results.json beside its manifest.json.

    Raises ValueError if a node failed, for its time means nothing.
    """
    manifest = json.loads(path.with_name("manifest.json").read_text())
    found = {}
    for result in json.loads(path.read_text())["results"]:
        node = manifest["nodes"].get(result["unique_id"])
        if node is None or node["resource_type"] != "model":
            continue
        if not ".".join(node["fqn"][1:]).startswith(FOLDERS):
            continue
        if result["status"] != "success":
            raise ValueError(f"{path}: {node['name']} has the status {result['status']}")
        found[node["name"]] = result["execution_time"]
    return found


def growth(small: dict[str, float], large: dict[str, float], times: float) -> list[tuple[str, float, float, float]]:
    """Rows (name, seconds small, seconds large, exponent) of what both builds have, the slowest in the large one first.

    ``times``: how many times as many customers the large one has. Raises ValueError unless it is over 1.
    """
    if times <= 1:
        raise ValueError(f"times must be over 1, not {times}")
    rows = [
        (name, small[name], large[name], math.log(large[name] / small[name]) / math.log(times))
        for name in small.keys() & large.keys()
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def main() -> None:
    """Entry point; see the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--times", type=float, required=True)
    arguments = parser.parse_args()
    print("| model | seconds | seconds, larger | growth | exponent |\n|---|---|---|---|---|")
    for name, small, large, exponent in growth(seconds(arguments.small), seconds(arguments.large), arguments.times):
        print(f"| `{name}` | {small:.1f} | {large:.1f} | {large / small:.1f} | {exponent:.2f} |")


if __name__ == "__main__":
    main()
