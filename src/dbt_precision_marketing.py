"""dbt's plug-in of this project: no build begins without the keys of the vault.

dbt imports every top-level module whose name begins with ``dbt_``. A missing key is told before dbt opens a connection.

Being imported before any model, it also says how many threads NumPy and scikit-learn start in a model.
"""

from __future__ import annotations

import os

from dbt.flags import get_flags
from dbt.plugins.manager import dbtPlugin

from precision_marketing.privacy import vault

PROJECT = "precision_marketing"
COMMANDS_THAT_NEED_KEYS = ("build", "run", "retry")

# dbt runs several models at a time beside Spark. Threads of BLAS and OpenMP on top of that share the same cores and
# wait for each other, which can take longer than the work. Read when NumPy is loaded, so before any model.
os.environ.setdefault("OMP_NUM_THREADS", "1")


class VaultKeys(dbtPlugin):
    """Stops `dbt build`, `run` and `retry` of this project, and of no other, if a key is missing or malformed."""

    def initialize(self) -> None:
        if self.project_name == PROJECT and get_flags().WHICH in COMMANDS_THAT_NEED_KEYS:
            vault.load_keys()


plugins = [VaultKeys]
