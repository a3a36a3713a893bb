"""The marts through SQLAlchemy, as Superset and pandas see them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import harness

sa = pytest.importorskip("sqlalchemy", reason="no SQLAlchemy: make install")
if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

AWKWARD = 'it\'s 100% \\ "two\nlines" – 客户'


@pytest.fixture(scope="module")
def connection(served: harness.Server) -> Iterator[Connection]:
    from sqlalchemy.dialects import registry

    # As the package's entry point does, also where that was installed before there was one.
    registry.register("spark.thrift", "precision_marketing.serving.spark_dialect", "SparkDialect")
    engine = sa.create_engine(f"spark+thrift://tests@127.0.0.1:{served.thrift_port}/marketing", pool_pre_ping=True)
    with engine.connect() as connected:
        yield connected
    engine.dispose()


@pytest.fixture(scope="module")
def models(demo: harness.Demo) -> dict[str, dict[str, Any]]:
    nodes = json.loads((demo.home / "target" / "manifest.json").read_text())["nodes"].values()
    return {node["name"]: node for node in nodes if node["resource_type"] == "model"}


def test_every_published_table_is_listed_once_under_its_own_name(connection, models: dict[str, dict]) -> None:
    published = sorted(name for name, node in models.items() if node["config"]["meta"].get("published"))
    inspector = sa.inspect(connection)
    assert {"marketing", "marketing_quality", "raw"} <= set(inspector.get_schema_names())
    assert sorted(inspector.get_view_names("marketing")) == sorted(inspector.get_view_names()) == published
    assert inspector.get_table_names("marketing") == [], "they are views"
    assert "gate_shop" in inspector.get_table_names("marketing_quality")
    assert "gate_shop" not in inspector.get_view_names("marketing_quality")


@pytest.mark.parametrize("table", ["fct_orders", "customer_behaviour", "customer_360"])
def test_columns_have_the_types_and_comments_of_the_contract(connection, models: dict[str, dict], table: str) -> None:
    inspector = sa.inspect(connection)
    expected = list(models[table]["columns"].values())
    found = inspector.get_columns(table, "marketing")
    assert [(column["name"], column["comment"]) for column in found] == [
        (column["name"], column["description"].strip()) for column in expected
    ]
    spelled = [column["type"].compile(dialect=connection.dialect).lower().replace(" ", "") for column in found]
    assert spelled == [column["data_type"].replace(" ", "") for column in expected]
    assert inspector.get_table_comment(table, "marketing") == {"text": models[table]["description"].strip()}
    assert inspector.get_pk_constraint(table, "marketing")["constrained_columns"] == []


def test_a_table_that_is_not_there(connection) -> None:
    inspector = sa.inspect(connection)
    assert inspector.has_table("fct_orders", "marketing")
    for table, schema in (("no_such_table", "marketing"), ("fct_orders", "no_such_schema")):
        assert not inspector.has_table(table, schema)
        with pytest.raises(sa.exc.NoSuchTableError):
            inspector.get_columns(table, schema)


def test_what_a_reflected_table_gives(connection, served: harness.Server) -> None:
    orders = sa.Table("fct_orders", sa.MetaData(), schema="marketing", autoload_with=connection)
    day = served.query("select max(order_date) from marketing.fct_orders")[0][0]
    query = sa.select(
        orders.c.order_id, orders.c.order_date, orders.c.net_amount, orders.c.ordered_at, orders.c.is_paid
    )
    query = query.where(orders.c.order_date >= dt.date.fromisoformat(str(day))).order_by(orders.c.order_id)
    rows = connection.execute(query.limit(2).offset(1)).fetchall()
    assert rows == connection.execute(query).fetchall()[1:3] and len(rows) == 2
    for row in rows:
        assert [type(value) for value in row] == [str, dt.date, Decimal, dt.datetime, bool], row
    frame = pd.read_sql(sa.select(sa.func.count(), sa.func.sum(orders.c.net_amount)), connection, coerce_float=False)
    ((count, total),) = served.query("select count(*), cast(sum(net_amount) as string) from marketing.fct_orders")
    assert frame.iloc[0].tolist() == [count, Decimal(total)]


def test_texts_and_numbers_arrive_as_they_are(connection) -> None:
    bound = sa.select(sa.literal(AWKWARD))
    assert connection.execute(bound).scalar() == AWKWARD
    written = str(bound.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    assert connection.exec_driver_sql(written).scalar() == AWKWARD
    amount = sa.select(sa.cast(sa.literal("1.25"), sa.Numeric(10, 2)), sa.cast(sa.literal("0.1"), sa.Float()))
    assert connection.execute(amount).one() == (Decimal("1.25"), 0.1)
    assert connection.execute(sa.select(sa.cast(sa.literal("2025-03-01"), sa.Date()))).scalar() == dt.date(2025, 3, 1)
