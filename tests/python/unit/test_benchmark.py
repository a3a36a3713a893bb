"""The arithmetic of the benchmarks of builds, on small made-up runs."""

import importlib.util
import json
from types import ModuleType

import pytest

import harness


def script(name: str) -> ModuleType:
    """A file of benchmarks/ as a module."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", harness.ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


benchmark, growth = script("build"), script("growth")


def result(unique_id: str, seconds: float, *span: str, status: str = "success") -> dict:
    """One entry of run_results.json that ran from and to a second of one minute."""
    times = [f"2025-01-01T00:00:{second}.000000Z" for second in span]
    timing = [
        {"name": "compile", "started_at": times[0], "completed_at": times[0]},
        {"name": "execute", "started_at": times[0], "completed_at": times[1]},
    ] if span else []  # fmt: skip
    return {"unique_id": unique_id, "execution_time": seconds, "status": status, "timing": timing}


MODELS = {
    "stg_orders": "staging",
    "stg_events": "staging",
    "gate_shop": "quality",
    "results": "quality",
    "rfm": "marts",
}
MANIFEST = {"nodes": {f"model.p.{name}": {"fqn": ["p", folder, name]} for name, folder in MODELS.items()}}
RUN = {
    "results": [
        result("operation.p.p-on-run-start-0", 0.5, "01", "02"),
        result("seed.p.spellings", 1.0, "02", "03"),
        result("model.p.stg_orders", 4.0, "03", "07"),
        result("model.p.stg_events", 3.0, "04", "06"),  # inside the span of stg_orders
        result("model.p.gate_shop", 5.0, "10", "15"),
        result("test.p.gate_shop_passed.1a2b3c", 0.25, "15", "16", status="pass"),
        result("unit_test.p.rfm.recency_of_non_buyers", 0.75, "15", "17", status="pass"),
        result("model.p.rfm", 2.0, "17", "19"),
        result("model.p.results", 0.0, status="skipped"),
    ]
}


def test_one_row_per_node_slowest_first() -> None:
    rows = benchmark.node_rows(RUN, MANIFEST)
    assert [(row["name"], row["layer"], row["status"], row["seconds"]) for row in rows] == [
        ("gate_shop", "gates", "success", 5.0),
        ("stg_orders", "staging", "success", 4.0),
        ("stg_events", "staging", "success", 3.0),
        ("rfm", "marts", "success", 2.0),
        ("spellings", "seeds", "success", 1.0),
        ("recency_of_non_buyers", "unit tests", "pass", 0.75),
        ("p-on-run-start-0", "hooks", "success", 0.5),
        ("gate_shop_passed", "data tests", "pass", 0.25),
        ("results", "quality", "skipped", 0.0),
    ]


def test_layers_add_up() -> None:
    rows = benchmark.node_rows(RUN, MANIFEST)
    sums = benchmark.layer_sums(rows)
    assert sums[0] == {"layer": "staging", "nodes": 2, "seconds": 7.0}
    assert sum(total["nodes"] for total in sums) == len(rows)
    assert sum(total["seconds"] for total in sums) == pytest.approx(16.5)


def test_overlapping_nodes_are_busy_once() -> None:
    # 01-07 without a break, 10-19 without a break; nothing ran from 07 to 10.
    assert benchmark.busy_seconds(RUN) == pytest.approx(15)


def test_report_is_readable() -> None:
    rows = benchmark.node_rows(RUN, MANIFEST)
    text = benchmark.readable(
        {
            "customers": 5000,
            "target": "local",
            "demo_data": {"seconds": 20.0, "peak_memory_mib": 900},
            "build": {"seconds": 30.0, "peak_memory_mib": 1500, "idle_seconds": 15.0},
            "layers": benchmark.layer_sums(rows),
            "nodes": rows,
            "rows": {"customer_rfm": 5000},
            "machine": {"python": "3.11.2", "cores": 2},
        }
    )
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "dbt build 30.0 s peak 1500 MiB" in lines
    assert "gate_shop 5.0 gates" in lines
    assert "staging 2 7.0" in lines
    assert "customer_rfm 5,000" in lines
    assert "python 3.11.2, cores 2" in lines


def test_memory_is_that_of_the_whole_tree() -> None:
    import subprocess
    import sys

    import psutil

    child = "import time; block = bytearray(200 * 2**20); print('ready', flush=True); time.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"],
        stdout=subprocess.PIPE,
    )
    try:
        assert parent.stdout.readline() == b"ready\n"
        assert benchmark.tree_bytes(psutil.Process(parent.pid)) > 200 * 2**20
    finally:
        for process in psutil.Process(parent.pid).children():
            process.kill()
        parent.wait()


def test_growth_is_an_exponent_of_the_size() -> None:
    rows = growth.growth({"a": 2.0, "b": 1.0, "only here": 1.0}, {"a": 2.0, "b": 400.0}, 20)
    assert [(name, small, large) for name, small, large, _ in rows] == [("b", 1.0, 400.0), ("a", 2.0, 2.0)]
    assert [exponent for *_, exponent in rows] == pytest.approx([2, 0])
    with pytest.raises(ValueError, match="times must be over 1"):
        growth.growth({}, {}, 1)


def test_growth_reads_only_models_that_were_built(tmp_path) -> None:
    nodes = {
        "model.p.ml_x": {"resource_type": "model", "name": "ml_x", "fqn": ["p", "ml", "x", "ml_x"]},
        "model.p.x": {"resource_type": "model", "name": "x", "fqn": ["p", "marts", "prediction", "x"]},
        "model.p.y": {"resource_type": "model", "name": "y", "fqn": ["p", "marts", "core", "y"]},
    }
    results = [{"unique_id": node, "status": "success", "execution_time": 1.5} for node in nodes]
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    path = tmp_path / "run_results.json"
    path.write_text(json.dumps({"results": results}))
    assert growth.seconds(path) == {"ml_x": 1.5, "x": 1.5}
    results[0]["status"] = "error"
    path.write_text(json.dumps({"results": results}))
    with pytest.raises(ValueError, match="ml_x has the status error"):
        growth.seconds(path)
