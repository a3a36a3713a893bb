"""dbt's plug-in of this project: no build begins without the keys of the vault.

dbt imports every top-level module whose name begins with ``dbt_``. A missing key is told before dbt opens a connection.
"""

from __future__ import annotations

from dbt.flags import get_flags
from dbt.plugins.manager import dbtPlugin

from precision_marketing import vault

PROJECT = "precision_marketing"
COMMANDS_THAT_NEED_KEYS = ("build", "run", "retry")


class VaultKeys(dbtPlugin):
    """Stops `dbt build`, `run` and `retry` of this project, and of no other, if a key is missing or malformed."""

    def initialize(self) -> None:
        if self.project_name == PROJECT and get_flags().WHICH in COMMANDS_THAT_NEED_KEYS:
            vault.load_keys()


plugins = [VaultKeys]
