"""A build of a part: what it may not publish is said, with the command that does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import harness

LINES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,A,MUG,2,2021-03-01 09:15:00,2.50,50001,France
2,B,TRAY,1,2021-03-02 10:00:00,7.00,50002,Spain
"""


def test_a_part_of_a_new_warehouse(tmp_path: Path) -> None:
    """No test runs on a table that does not exist, and the command in the message publishes what was built."""
    home, path = tmp_path / "home", tmp_path / "lines.csv"
    path.write_text(LINES)
    harness.load_files("uci_online_retail", str(path), home=home)
    part = harness.run_dbt("build", "-s", "+customer_rfm", home=home)
    assert "ERROR=0" in part.stdout
    said = re.search(
        "Built but not published: customer_rfm. Not in this run: gate_customer. To publish: (dbt .*)", part.stdout
    )
    assert said, part.stdout[-3000:]
    dbt, *arguments = shlex.split(said[1])
    assert (dbt, arguments) == ("dbt", ["build", "-s", "+customer_rfm", "+gate_customer"])
    assert "not published" not in harness.run_dbt(*arguments, home=home).stdout
    shown = harness.run_dbt("show", "--inline", "select count(*) as found from marketing.customer_rfm", home=home)
    assert re.search(r"\|\s+2 \|", shown.stdout)
