"""dbt's plug-in of this project: wrong inputs stop before a build begins, and what dbt writes is private.

dbt imports every top-level module whose name begins with ``dbt_``. A missing key of the vault, or a variable with a
value that it may not have, is told before dbt opens a connection.

Being imported before any model, it also says how many threads NumPy and scikit-learn start in a model.
"""

from __future__ import annotations

import os
from pathlib import Path

from dbt.flags import get_flags
from dbt.plugins.manager import dbtPlugin
from dbt_common.events.base_types import EventLevel
from dbt_common.events.functions import fire_event
from dbt_common.events.types import Note

from precision_marketing.privacy import vault
from precision_marketing.project import private, variables

PROJECT = "precision_marketing"
COMMANDS_THAT_NEED_KEYS = ("build", "run", "retry")
# They repair what is there, so they must work whatever a variable is.
COMMANDS_WITHOUT_VARIABLES = ("clean", "deps")

# dbt runs several models at a time beside Spark. Threads of BLAS and OpenMP on top of that share the same cores and
# wait for each other, which can take longer than the work. Read when NumPy is loaded, so before any model.
os.environ.setdefault("OMP_NUM_THREADS", "1")


class PrivateFiles(dbtPlugin):
    """Makes what dbt and its Spark write in this project readable to its owner alone; says what was open before."""

    def initialize(self) -> None:
        if self.project_name == PROJECT:
            private.from_now_on()
            flags = get_flags()
            for log in Path(flags.LOG_PATH or "logs").glob("dbt.log*"):  # which dbt opened before it came here
                if log.stat().st_mode & private.OTHERS and log.stat().st_uid == os.getuid():
                    log.chmod(0o600)
            said = private.note([private.home(), Path(flags.TARGET_PATH or "target")])
            if said:
                fire_event(Note(msg=said), level=EventLevel.WARN)


class Variables(dbtPlugin):
    """Stops dbt if a variable has a value that it may not have, or a name that no variable has."""

    def initialize(self) -> None:
        flags = get_flags()
        if self.project_name == PROJECT and flags.WHICH not in COMMANDS_WITHOUT_VARIABLES:
            variables.check(variables.declared(Path(flags.PROJECT_DIR)), flags.VARS or {})


class VaultKeys(dbtPlugin):
    """Stops `dbt build`, `run` and `retry` of this project, and of no other, if a key is missing or malformed."""

    def initialize(self) -> None:
        if self.project_name == PROJECT and get_flags().WHICH in COMMANDS_THAT_NEED_KEYS:
            vault.load_keys()


plugins = [PrivateFiles, Variables, VaultKeys]
