"""The vault that a build on the target local made, and what its artefacts must not tell."""

from __future__ import annotations

import harness
from vault_values import VAULT_KEY, assert_holds_raw_values, assert_tell_nothing, raw_customers, stored


def test_another_aes_implementation_reads_the_vault(demo: harness.Demo, served: harness.Server) -> None:
    raw = raw_customers(demo.home)
    rows = {name: row for name, row in stored(served, "marketing_vault.customer_vault").items() if name in raw}
    assert len(rows) > 40
    assert_holds_raw_values(rows, raw, VAULT_KEY)
    assert any(row["email_encrypted"] is None for row in rows.values())
    nonces = [row["phone_encrypted"][:16] for row in rows.values()]
    assert len(set(nonces)) == len(nonces)


def test_no_artefact_of_a_build_holds_a_key_or_personal_data(demo: harness.Demo, served: harness.Server) -> None:
    """Tables, manifests, logs, the metastore, and the event logs behind Spark's UI of the build and of the server."""
    warehouse = demo.home / "warehouse"
    searched = [path for path in warehouse.iterdir() if path.name not in ("raw.db", "demo_truth.db")]
    searched += [path for path in demo.home.iterdir() if path != warehouse] + [demo.events, served.logs]
    assert_tell_nothing(searched, demo)
