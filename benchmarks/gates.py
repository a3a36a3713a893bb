"""The share of a build that its gates take, from dbt's own run_results.json.

python benchmarks/gates.py --run-results target/run_results.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def gate_share(run_results: dict) -> dict[str, object]:
    """Seconds of node time in gates and in all nodes of a dbt invocation, and the share (0 to 1) of the gates.

    ``run_results`` is the content of run_results.json. Gates are the models ``gate_...`` and the tests on them; their
    seconds are given one by one as well. Nodes run side by side: their times add up to more than the clock's.
    """
    seconds = {result["unique_id"]: result["execution_time"] for result in run_results["results"]}
    gates = {uid.split(".")[2]: spent for uid, spent in seconds.items() if uid.split(".")[2].startswith("gate_")}
    total = sum(seconds.values())
    return {
        "gates": {name: round(spent, 1) for name, spent in gates.items()},
        "gate_seconds": round(sum(gates.values()), 1),
        "node_seconds": round(total, 1),
        "elapsed_seconds": round(run_results["elapsed_time"], 1),
        "gate_share": round(sum(gates.values()) / total, 4) if total else 0.0,
    }


def main() -> None:
    """Print the share as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run-results", type=Path, required=True, help="target/run_results.json of a dbt build")
    print(json.dumps(gate_share(json.loads(parser.parse_args().run_results.read_text())), indent=2))


if __name__ == "__main__":
    main()
