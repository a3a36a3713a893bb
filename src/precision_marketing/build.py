"""Build a warehouse from nothing, in one process: keys and demo data if there are none, then ``dbt build``.

    python -m precision_marketing.build [--customers 5000] [arguments of dbt build]

One process, so that Spark starts once: it needs seconds to start and half a minute to warm up.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from precision_marketing.privacy import vault
from precision_marketing.project import private

# Java compiles what runs often a second time, for speed. On a demo that takes longer than it saves.
LARGEST_SMALL_DEMO = 20_000
ONE_COMPILER = "-XX:TieredStopAtLevel=1"

NEXT_STEPS = """
The warehouse is built. Next:
  make serve     let BI tools query it on this machine
  make quality   write the data steward's report
  make docs      lineage and descriptions of every table
  source .venv/bin/activate; dbt show -s customer_rfm --limit 5
"""


def build(customers: int, arguments: list[str]) -> bool:
    """Make what is missing and build. Returns whether all of it succeeded; dbt has printed what did not.

    customers: size of the demo, used only where the raw tables are empty. arguments: what ``dbt build`` is given; the
    variables and the target among them hold for the demo as well. Raises VaultKeyError for malformed keys.
    """
    if customers <= LARGEST_SMALL_DEMO and not (private.home() / "warehouse").exists():
        os.environ.setdefault("MARKETING_JAVA_OPTIONS", ONE_COMPILER)
    created = vault.create_keys()
    if created:
        print(vault.created_message(created))
    from dbt.cli.exceptions import DbtUsageException
    from dbt.cli.main import dbtRunner

    demo = f"{{customers: {customers}, only_if_empty: true}}"
    operation = ["run-operation", "generate_demo_data", "--args", demo, *of_both(arguments)]
    for command in (operation, ["build", *arguments]):
        result = dbtRunner().invoke(command)
        if isinstance(result.exception, DbtUsageException):  # the only one that dbt does not print by itself
            print(f"error: {result.exception}", file=sys.stderr)
        if not result.success:
            return False
    return True


def of_both(arguments: Sequence[str]) -> list[str]:
    """Those arguments of ``dbt build`` that say where and on what it works: the demo is to be made there."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--vars")
    parser.add_argument("--target", "-t")
    try:
        given, _ = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError:
        return []  # an option without its value: dbt build says so
    return [part for name, value in vars(given).items() if value is not None for part in (f"--{name}", value)]


def main() -> None:
    """Entry point of ``python -m precision_marketing.build``; exits with 1 if anything failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--customers", type=int, default=5000, help="size of the demo, if there is no data yet")
    options, arguments = parser.parse_known_args()
    private.from_now_on()
    try:
        succeeded = build(options.customers, arguments)
    except vault.VaultKeyError as error:
        sys.exit(f"error: {error}")
    if not succeeded:
        sys.exit(1)
    print(NEXT_STEPS, end="")


if __name__ == "__main__":
    main()
