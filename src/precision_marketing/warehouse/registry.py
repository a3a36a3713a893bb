"""What every trained model leaves behind: its run, its metrics and an artefact that can be loaded again.

A dbt Python model that trains returns one row per candidate with the columns of ``RUN_SCHEMA``. One candidate is
the champion, whose artefact the scoring models load. `model_registry` and `model_metrics` are SQL on these rows.

An artefact is a pickle, and whoever can write a pickle can run code where it is loaded. So its row is signed with a key
for nothing else (HMAC-SHA-256), and it is refused, before it is opened, unless the signature fits: whoever may write to
the table, but has no key, cannot plant one, nor put one model's artefact in the place of another's.
"""

from __future__ import annotations

import datetime as dt
import dis
import functools
import hashlib
import hmac
import importlib.util
import json
import math
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from dbt.adapters.events.logging import AdapterLogger

from precision_marketing.models.training import Candidate, SettingError, Training, failed
from precision_marketing.privacy import vault

if TYPE_CHECKING:
    from pyspark.sql import DataFrame as SparkDataFrame
    from pyspark.sql import SparkSession

RUN_SCHEMA = (
    "model string, version string, algorithm string, is_champion boolean, as_of_date date, trained_from date, "
    "trained_until date, training_rows bigint, parameters string, "
    "metrics array<struct<metric:string, segment:string, value:double, ci_low:double, ci_high:double, "
    "baseline:double, row_count:bigint>>, tables string, profile string, made_by string, artefact binary, "
    "signature string"
)
# One row per reason: the strongest first.
REASON_SCHEMA = "array<struct<feature:string, contribution:double, reason:string>>"
PACKAGE = "precision_marketing"
log = AdapterLogger("Training")  # dbt's own lines
# A pickle is made for the versions that wrote it.
LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "lifelines")


# What a signature covers beside the artefact.
SIGNED = ("model", "version", "algorithm", "is_champion", "as_of_date", "made_by")


class ArtefactError(Exception):
    """An artefact is missing, or its signature does not fit."""


def sign(row: Mapping[str, Any]) -> str:
    """HMAC-SHA-256 of a training model's row, of its columns SIGNED and its artefact, as 64 hex digits.

    Raises vault.VaultKeyError.
    """
    statement = _json([*(row[name] for name in SIGNED), hashlib.sha256(bytes(row["artefact"])).hexdigest()])
    return hmac.digest(vault.load_keys().signing_key, statement.encode(), "sha256").hex()


def is_ours(row: Mapping[str, Any]) -> bool:
    """Whether this warehouse signed a row; False for a signature of any bytes that is not one."""
    return hmac.compare_digest(sign(row).encode(), (row["signature"] or "").encode(errors="surrogatepass"))


def load(row: Mapping[str, Any]) -> Any:
    """The model in a training model's row. Raises ArtefactError where there is none, or none of this warehouse's."""
    if row["artefact"] is None:
        raise ArtefactError("there is no artefact")
    if not is_ours(row):
        raise ArtefactError(
            f"the artefact of {row['model']} was not signed with this warehouse's MARKETING_HASH_KEY: train it again"
        )
    return pickle.loads(row["artefact"])


def made_by(function: Callable[..., Any], settings: Mapping[str, Any]) -> str:
    """What a training by ``function`` depends on beside the data, as 16 hex digits: code, libraries, ``settings``.

    The code is that of the modules of this package that the function's module imports, directly or not.
    """
    found = hashlib.sha256()
    for path in sorted(modules_used(function.__module__)):
        found.update(path.name.encode() + path.read_bytes())
    found.update(_json({name: version(name) for name in LIBRARIES}).encode())
    found.update(_json(settings).encode())
    return found.hexdigest()[:16]


@functools.cache
def modules_used(name: str) -> frozenset[Path]:
    """Files of the module ``name`` of this package and of all modules of it that it imports, directly or not."""
    found: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in found or not module.startswith(f"{PACKAGE}."):
            continue
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            continue
        if spec is None or spec.origin is None:  # a name in a module, not a module
            continue
        found[module] = Path(spec.origin)
        waiting += _imports(compile(found[module].read_bytes(), spec.origin, "exec"))
    return frozenset(found.values())


def _imports(code: CodeType) -> Iterator[str]:
    """What a module imports, in functions too: names of modules, and 'module.name' for each name from one.

    Read from its code: models train side by side, and Python 3.11 cannot make syntax trees in several threads.
    """
    module = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            module = instruction.argval
            yield module
        elif instruction.opname == "IMPORT_FROM":
            yield f"{module}.{instruction.argval}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)


def _plain(value: Any) -> Any:
    """``value`` as JSON has it: NaN and infinity are null, NumPy's numbers numbers, days texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is pd.NaT or value is pd.NA:
        return None
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def run_rows(model: str, as_of_date: dt.date, training: Training | None, made_by: str = "") -> list[tuple]:
    """Rows of RUN_SCHEMA: one per candidate, none where there was nothing to learn from.

    The version is the as-of date and the first eight hex digits of the champion's SHA-256. Raises ValueError for a
    champion that is no candidate.
    """
    if training is None:
        return []
    artefacts = {c.algorithm: pickle.dumps(c.model, protocol=5) for c in training.candidates}
    if training.champion not in artefacts:
        raise ValueError(f"{model}: the champion {training.champion!r} is not among {sorted(artefacts)}")
    version = f"{as_of_date:%Y%m%d}-{hashlib.sha256(artefacts[training.champion]).hexdigest()[:8]}"

    champion = None if training.failure else training.champion

    def signature(c: Candidate) -> str:
        names = (model, version, c.algorithm, c.algorithm == champion, as_of_date, made_by)
        return sign({**dict(zip(SIGNED, names, strict=True)), "artefact": artefacts[c.algorithm]})

    return [
        (
            model, version, c.algorithm, c.algorithm == champion, as_of_date, training.trained_from,
            training.trained_until, int(training.rows), _json(c.parameters),
            [(m.metric, m.segment, *(_number(v) for v in (m.value, m.ci_low, m.ci_high, m.baseline)),
              None if m.rows is None else int(m.rows)) for m in c.metrics],
            _json({name: table.to_dict("records") for name, table in c.tables.items()}), _json(training.profile),
            made_by, artefacts[c.algorithm], signature(c),
        )
        for c in training.candidates
    ]  # fmt: skip


def train(
    dbt: Any,
    session: SparkSession,
    as_of: SparkDataFrame,
    fit: functools.partial[Training | None],
    retrain_after_days: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> SparkDataFrame:
    """The body of a training model: the rows of RUN_SCHEMA.

    as_of: one row with ``as_of_date``. ``fit`` is a function of this package with its arguments; None from it means
    that there is nothing to learn from, and the table is empty. A fit that fails on what the data hold leaves one row,
    no champion, with the reason (``training.failed``); a setting that cannot be is an error. The approved version's
    rows are kept as they are if
    they were trained less than ``retrain_after_days`` before that day, by the same code, libraries and ``settings``,
    and their signature fits.
    """
    maker = made_by(fit.func, settings or {})
    name = dbt.this.identifier
    as_of_date = as_of.select("as_of_date").collect()[0].as_of_date
    kept = approved(session, dbt.this.schema.removesuffix("_build"), name)
    columns = session.createDataFrame([], RUN_SCHEMA).columns
    # An older version of this package wrote other columns.
    if kept is not None and set(columns) <= set(kept.columns) and retrain_after_days > 0:
        rows = kept.select(*columns).collect()
        ages = [(as_of_date - row.as_of_date).days for row in rows]
        same = all(row.made_by == maker for row in rows)
        if any(row.is_champion for row in rows) and same and all(0 <= age < retrain_after_days for age in ages):
            if all(is_ours(row.asDict()) for row in rows):
                return session.createDataFrame([tuple(row) for row in rows], RUN_SCHEMA)
    model = name.removeprefix("ml_").removesuffix("_model")
    trained = run_rows(model, as_of_date, _bendable(model, fit), maker)
    return session.createDataFrame(trained, RUN_SCHEMA)


def _bendable(model: str, fit: Callable[[], Training | None]) -> Training | None:
    """What ``fit`` gives, or the reason why it fails on these data; a wrong setting and a fault of Spark are raised."""
    from pyspark.errors import PySparkException

    try:
        return fit()
    except (SettingError, NotImplementedError, RecursionError, PySparkException):
        raise
    except (ValueError, ArithmeticError, RuntimeError) as error:
        log.warning(f"{model}: the training failed, so nothing is published: {error}")
        return failed(error)


def approved(session: SparkSession, schema: str, name: str) -> SparkDataFrame | None:
    """The rows of a model's version that is in force by the record of publications; None on a first run.

    schema: the target schema, such as ``marketing``; name: of the model. While a build runs this is what the last
    build that passed left, not what the running one has made.
    """
    publications = f"{schema}_quality.publications"
    if not session.catalog.tableExists(publications):
        return None
    newest = session.table(publications).where(f"model = '{name}'").orderBy("approved_at", ascending=False).first()
    table = None if newest is None else f"{schema}_build.{name}__{newest.version}"
    return session.table(table) if table and session.catalog.tableExists(table) else None


def champion(runs: SparkDataFrame) -> Any | None:
    """The champion among the rows of a training model, loaded; None if nothing was trained. Raises ArtefactError."""
    rows = runs.where("is_champion").select(*SIGNED, "artefact", "signature").collect()
    return load(rows[0].asDict()) if rows else None


def sample(frame: SparkDataFrame, key: str, rows: int, order_by: Sequence[str]) -> pd.DataFrame:
    """About ``rows`` rows at most, for the driver: all rows of a ``key`` or none, by the key's hash, in order.

    The order makes a training give the same however Spark cut the rows into parts.
    """
    total = frame.count()
    if total > rows:
        frame = frame.where(f"pmod(xxhash64({key}), 1000000) < {int(1_000_000 * rows / total)}")
    found: pd.DataFrame = frame.toPandas()
    return found.sort_values(list(order_by), ignore_index=True)


def score(frame: SparkDataFrame, schema: str, score_frame: Callable[[pd.DataFrame], pd.DataFrame]) -> SparkDataFrame:
    """``score_frame`` of every batch of rows, on the executors; columns and types as in the DDL ``schema``."""

    def score_batches(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            if len(batch):
                yield score_frame(batch)

    return frame.mapInPandas(score_batches, schema)


def score_together(
    frame: SparkDataFrame, key: str, rows: int, schema: str, score_frame: Callable[[pd.DataFrame], pd.DataFrame]
) -> SparkDataFrame:
    """As ``score``, but all rows with one ``key`` are in one frame, of about ``rows`` rows."""
    buckets = frame.count() // rows + 1
    bucketed = frame.selectExpr("*", f"pmod(xxhash64({key}), {buckets}) as bucket")
    return bucketed.groupBy("bucket").applyInPandas(score_frame, schema)
