"""Time a build from nothing: demo data, then ``dbt build``, in a warehouse that is removed afterwards.

    python benchmarks/build.py --customers 5000 [--target local]

Prints where the time went and writes benchmarks/results/build-<customers>[-<target>].json; README.md beside
this file says what each figure means.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from precision_marketing.privacy import vault

ROOT = Path(__file__).resolve().parents[1]
DBT = str(Path(sys.executable).with_name("dbt"))
SCHEMA = "benchmark"  # its own databases, so that on a cluster no warehouse in use is touched
VARIABLES = {"raw_database": f"{SCHEMA}_raw"}
SAMPLE_SECONDS = 0.2
PACKAGES = ("dbt-core", "dbt-spark", "great-expectations", "pandas", "numpy", "scikit-learn")
KINDS = {"seed": "seeds", "test": "data tests", "unit_test": "unit tests", "operation": "hooks"}


def layer(unique_id: str, manifest: dict) -> str:
    """What a node counts as: staging, gates, marts, ml, quality, seeds, data tests, unit tests or hooks."""
    kind = unique_id.split(".")[0]
    if kind != "model":
        return KINDS.get(kind, kind)
    folder = manifest["nodes"][unique_id]["fqn"][1]
    return "gates" if folder == "quality" and name(unique_id).startswith("gate_") else folder


def name(unique_id: str) -> str:
    """A node's own name: dbt puts a unit test's model before it, and a hash behind a data test."""
    return unique_id.split(".")[3 if unique_id.startswith("unit_test.") else 2]


def node_rows(run_results: dict, manifest: dict) -> list[dict]:
    """One row per node of run_results.json, slowest first: name, layer, status, seconds as dbt counts them.

    ``manifest`` is dbt's manifest.json of the same run.
    """
    rows = [
        {
            "name": name(result["unique_id"]),
            "layer": layer(result["unique_id"], manifest),
            "status": result["status"],
            "seconds": round(result["execution_time"], 3),
        }
        for result in run_results["results"]
    ]
    return sorted(rows, key=lambda row: (-row["seconds"], row["name"]))


def layer_sums(rows: list[dict]) -> list[dict]:
    """One row per layer of ``node_rows``, the costliest first: layer, nodes, sum of their seconds."""
    sums: dict[str, dict] = {}
    for row in rows:
        total = sums.setdefault(row["layer"], {"layer": row["layer"], "nodes": 0, "seconds": 0.0})
        total["nodes"] += 1
        total["seconds"] = round(total["seconds"] + row["seconds"], 3)
    return sorted(sums.values(), key=lambda total: (-total["seconds"], total["layer"]))


def busy_seconds(run_results: dict) -> float:
    """Seconds during which at least one node was running: the union of the nodes' spans."""
    spans = sorted(
        (
            min(datetime.fromisoformat(phase["started_at"]) for phase in result["timing"]),
            max(datetime.fromisoformat(phase["completed_at"]) for phase in result["timing"]),
        )
        for result in run_results["results"]
        if result["timing"]
    )
    total, end = 0.0, None
    for start, stop in spans:
        total += max(0.0, (stop - (start if end is None else max(start, end))).total_seconds())
        end = stop if end is None else max(end, stop)
    return total


def tree_bytes(process: psutil.Process) -> int:
    """Resident memory of a process and all below it; memory they share counts for each."""
    total = 0
    try:
        members = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for member in members:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            pass
    return total


def run_dbt(*arguments: str, target: str, variables: dict = VARIABLES) -> dict:
    """Run dbt and show its output; returns wall-clock seconds and peak MiB. Ends the program if dbt fails."""
    start, peak = time.monotonic(), 0
    process = psutil.Popen([DBT, *arguments, "--target", target, "--vars", json.dumps(variables)], cwd=ROOT)
    while process.poll() is None:
        peak = max(peak, tree_bytes(process))
        time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        sys.exit(f"error: dbt {arguments[0]} failed, nothing is reported")
    return {"seconds": round(time.monotonic() - start, 1), "peak_memory_mib": round(peak / 2**20)}


def build_warehouse(home: str, customers: int, target: str) -> tuple[dict, dict, dict, dict]:
    """Demo data and ``dbt build`` in a new warehouse in ``home``, which later calls of dbt then use too.

    Returns seconds and memory of both, the manifest and the results of the run.
    """
    os.environ |= {
        "MARKETING_HOME": home,
        "MARKETING_SCHEMA": SCHEMA,
        "DBT_PROFILES_DIR": str(ROOT),
        "DBT_TARGET_PATH": f"{home}/target",
        "DBT_LOG_PATH": f"{home}/logs",
    }
    vault.create_keys()
    demo_arguments = json.dumps({"customers": customers})
    demo = run_dbt("run-operation", "generate_demo_data", "--args", demo_arguments, target=target)
    build = run_dbt("build", "--full-refresh", target=target)
    manifest = json.loads(Path(home, "target", "manifest.json").read_text())
    run_results = json.loads(Path(home, "target", "run_results.json").read_text())
    build["idle_seconds"] = round(build["seconds"] - busy_seconds(run_results), 1)
    return demo, build, manifest, run_results


def read_warehouse(manifest: dict, target: str) -> dict:
    """Rows by published table, and the release of Spark. Removes the databases again from a cluster."""
    from dbt_spark_python import open_session
    from precision_marketing.serving.server import profile_settings

    published = sorted(
        node["alias"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["meta"].get("published")
    )
    session = open_session(profile_settings(target, profiles_dir=str(ROOT)))
    rows = {name: session.table(f"{SCHEMA}.{name}").count() for name in published}
    if target != "local":
        for database in session.sql(f"show databases like '{SCHEMA}*'").collect():
            session.sql(f"drop database {database[0]} cascade")
    spark = session.version
    session.stop()
    return {"rows": rows, "spark": spark}


def machine(spark: str) -> dict:
    """Versions and size of what it ran on; of a cluster, those of the client but for Spark's release."""
    from dbt_spark_python import java_home, java_release

    return {
        "python": platform.python_version(),
        "java": java_release(str(Path(java_home(), "bin", "java"))),
        "spark": spark,
        **{package: version(package) for package in PACKAGES},
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
    }


def revision() -> str | None:
    """The commit that was timed, with ``-dirty`` if files differ from it; None outside a git repository."""
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return described.stdout.strip() or None


def readable(report: dict) -> str:
    """The report as text: totals, layers, the twenty slowest nodes, rows, versions."""
    demo, build = report["demo_data"], report["build"]
    lines = [
        f"{report['customers']} customers on {report['target']}",
        f"  demo data  {demo['seconds']:8.1f} s  peak {demo['peak_memory_mib']} MiB",
        f"  dbt build  {build['seconds']:8.1f} s  peak {build['peak_memory_mib']} MiB",
        f"  of it, no node running (start of Python and Spark, parsing)  {build['idle_seconds']:.1f} s",
        "",
        f"{'layer':<44} {'nodes':>6} {'node seconds':>13}",
        *(f"{row['layer']:<44} {row['nodes']:>6} {row['seconds']:>13.1f}" for row in report["layers"]),
        "",
        f"{'slowest nodes':<44} {'seconds':>6}  layer",
        *(f"{row['name'][:44]:<44} {row['seconds']:>7.1f}  {row['layer']}" for row in report["nodes"][:20]),
        "",
        f"{'published table':<44} {'rows':>12}",
        *(f"{name:<44} {rows:>12,}" for name, rows in report["rows"].items()),
        "",
        ", ".join(f"{name} {value}" for name, value in report["machine"].items()),
    ]
    return "\n".join(lines)


def main() -> None:
    """Entry point; see the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--target", choices=("local", "connect", "thrift"), default="local")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="marketing-bench-", ignore_cleanup_errors=True) as home:
        demo, build, manifest, run_results = build_warehouse(home, arguments.customers, arguments.target)
        warehouse = read_warehouse(manifest, arguments.target)

    nodes = node_rows(run_results, manifest)
    report = {
        "customers": arguments.customers,
        "target": arguments.target,
        "revision": revision(),
        "demo_data": demo,
        "build": build,
        "layers": layer_sums(nodes),
        "nodes": nodes,
        "rows": warehouse["rows"],
        "machine": machine(warehouse["spark"]),
    }
    suffix = "" if arguments.target == "local" else f"-{arguments.target}"
    path = ROOT / "benchmarks" / "results" / f"build-{arguments.customers}{suffix}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\n{readable(report)}\n\nwritten to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
