"""What dbt_spark_python adds to dbt-spark, on the engine that --engine names."""

from __future__ import annotations

import sys
import textwrap

import pytest
from dbt.tests.util import run_dbt


def relation(project, name: str) -> str:
    return f"{project.test_schema}.{name}"


def rows(project, sql: str) -> list[tuple]:
    return [tuple(row) for row in project.run_sql(sql.format(schema=project.test_schema), fetch="all")]


def description(project, name: str) -> dict[str, str]:
    """``describe extended`` as a dictionary."""
    return {row[0]: row[1] for row in rows(project, f"describe extended {relation(project, name)}")}


def message(project, *arguments: str) -> str:
    """The error of the only model of a run that has to fail."""
    results = run_dbt(["run", *arguments], expect_pass=False)
    failed = [result for result in results if result.status == "error"]
    assert len(failed) == 1, results
    return failed[0].message


CONFIGURED = """
def model(dbt, session):
    dbt.config(
        materialized="table", file_format="orc", partition_by=["day", "shop"],
        tblproperties={"team": "it's us"}, options={"compression": "zlib"}, persist_docs={"relation": True},
    )
    return session.sql("select id, id % 2 as shop, date '2024-01-01' as day from range(10)")
"""


class TestConfiguration:
    """Format, partitions, properties and description of a Python model reach its table."""

    @pytest.fixture(scope="class")
    def models(self):
        yaml = 'models: [{name: configured, description: "Grain: one row per id; it\'s documented."}]'
        return {"configured.py": CONFIGURED, "schema.yml": yaml}

    def test_table_is_as_configured(self, project):
        run_dbt(["run"])
        facts = description(project, "configured")
        assert facts["Provider"].lower() == "orc"
        assert facts["Comment"] == "Grain: one row per id; it's documented."
        properties = dict(rows(project, "show tblproperties {schema}.configured"))
        assert properties["team"] == "it's us"
        partitions = {row[0] for row in rows(project, "show partitions {schema}.configured")}
        assert partitions == {"day=2024-01-01/shop=0", "day=2024-01-01/shop=1"}


INCREMENTAL = """
def model(dbt, session):
    dbt.config(materialized="incremental", incremental_strategy="{strategy}"{more})
    first, last = (1, 3) if dbt.is_incremental else (0, 2)
    run = 2 if dbt.is_incremental else 1
    return session.sql(f"select cast({{run}} as int) as run, id as day from range({{first}}, {{last}})")
"""


class TestIncremental:
    """Two runs: days 0 and 1, then days 1 and 2."""

    @pytest.fixture(scope="class")
    def models(self):
        return {
            "overwritten.py": INCREMENTAL.format(strategy="insert_overwrite", more=', partition_by="day"'),
            "appended.py": INCREMENTAL.format(strategy="append", more=""),
        }

    def test_only_the_new_partitions_change(self, project):
        run_dbt(["run"])
        assert rows(project, "select day, run from {schema}.overwritten order by day") == [(0, 1), (1, 1)]
        run_dbt(["run"])
        assert rows(project, "select day, run from {schema}.overwritten order by day") == [
            (0, 1),
            (1, 2),
            (2, 2),
        ]
        expected = [(0, 1), (1, 1), (1, 2), (2, 2)]
        assert rows(project, "select day, run from {schema}.appended order by day, run") == expected
        assert not rows(project, "show tables in {schema} like '*__dbt_tmp'")


class TestNoSilentFullRefresh:
    """insert_overwrite on a table without partitions would replace all of it."""

    @pytest.fixture(scope="class")
    def models(self):
        return {"unpartitioned.py": INCREMENTAL.format(strategy="insert_overwrite", more="")}

    def test_it_is_refused(self, project):
        assert "insert_overwrite without partition_by would replace the whole table" in message(project)


FAILURES = {
    "raises": """


        def helper(x):
            return 1 / x

        def model(dbt, session):
            return helper(0)
        """,
    "executor": """
        def model(dbt, session):
            def boom(batches):
                raise ValueError("bad batch")
                yield
            return session.range(1).mapInPandas(boom, "id bigint")
        """,
    "exits": """
        def model(dbt, session):
            if session is not None:
                raise SystemExit(0)
            return session.range(1)
        """,
    "nothing": """
        def model(dbt, session):
            frame = None
            return frame
        """,
    "untyped": """
        def model(dbt, session):
            return session.sql("select 1 as id, null as name")
        """,
    "syntax": """
        def model(dbt, session):
            return session.sql("selec 1")
        """,
}


class TestErrors:
    """A model that fails says where, in its own file, and is never taken for a success."""

    @pytest.fixture(scope="class")
    def models(self):
        return {f"{name}.py": textwrap.dedent(code) for name, code in FAILURES.items()}

    def test_traceback_has_the_lines_of_the_file(self, project):
        text = message(project, "-s", "raises")
        assert 'raises.py", line 8, in model' in text and 'raises.py", line 5, in helper' in text
        assert "return helper(0)" in text and "ZeroDivisionError: division by zero" in text
        assert "dbt_spark_python.py" not in text and "\tat " not in text

    def test_failure_on_an_executor_shows_its_python(self, project):
        text = message(project, "-s", "executor")
        assert "ValueError: bad batch" in text and "in boom" in text and "\tat " not in text

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("exits", "SystemExit"),
            ("nothing", "returns a DataFrame of PySpark, pandas or pandas on Spark, not NoneType"),
            ("untyped", "no type for column(s) name"),
            ("syntax", "PARSE_SYNTAX_ERROR"),
        ],
    )
    def test_never_a_false_success(self, project, name, expected):
        assert expected in message(project, "-s", name)
        assert not rows(project, f"show tables in {{schema}} like '{name}'")


class TestIsolation:
    """Settings and temporary views of one model are not seen by the next, in the same thread."""

    @pytest.fixture(scope="class")
    def dbt_profile_target(self, engine_settings):
        return {**engine_settings, "threads": 1}

    @pytest.fixture(scope="class")
    def models(self):
        changes = """
            def model(dbt, session):
                session.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
                session.range(1).createOrReplaceTempView("left_behind")
                return session.range(1)
            """
        sees = """
            def model(dbt, session):
                dbt.ref("a_changes")
                views = [t.name for t in session.catalog.listTables() if t.isTemporary]
                zone = session.conf.get("spark.sql.session.timeZone")
                return session.createDataFrame([(zone, ",".join(views))], "zone string, views string")
            """
        hook = "set spark.sql.session.timeZone = Asia/Tokyo"
        sql = "{{ config(materialized='table', pre_hook='" + hook + "') }} select 1 as id"
        after = (
            "-- depends_on: {{ ref('c_sets') }}\n{{ config(materialized='table') }} select current_timezone() as zone"
        )
        return {
            "a_changes.py": textwrap.dedent(changes),
            "b_sees.py": textwrap.dedent(sees),
            "c_sets.sql": sql,
            "d_sees.sql": after,
        }

    def test_nothing_leaks(self, project):
        run_dbt(["run"])
        assert rows(project, "select zone, views from {schema}.b_sees") == [("UTC", "")]
        assert rows(project, "select zone from {schema}.d_sees") == [("UTC",)]


class TestPickleByValue:
    """Functions of a package that executors don't have are sent along."""

    @pytest.fixture(scope="class")
    def models(self):
        model = """
            import only_on_the_driver
            def model(dbt, session):
                dbt.config(pickle_by_value=["only_on_the_driver"])
                return session.range(3).mapInPandas(only_on_the_driver.double, "id bigint")
            """
        return {"doubled.py": textwrap.dedent(model)}

    def test_it_runs_there(self, project, tmp_path, monkeypatch):
        code = "def double(batches):\n    for batch in batches:\n        yield batch * 2\n"
        (tmp_path / "only_on_the_driver.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))
        run_dbt(["run"])
        sys.modules.pop("only_on_the_driver", None)
        assert rows(project, "select id from {schema}.doubled order by id") == [(0,), (2,), (4,)]


SEED = """id,text,day,big,flag
1,it's 100% C:\\temp,2024-02-29,9007199254740993,true
2,,,,
3,"say ""hi"", 你好",2024-03-01,-1,false
"""


class TestSeeds:
    """Nulls stay null; quotes, backslashes, per cent signs and large numbers arrive as written."""

    @pytest.fixture(scope="class")
    def seeds(self):
        return {"values.csv": SEED}

    def test_values_are_kept(self, project, engine):
        if engine == "thrift":
            pytest.skip("over thrift, PyHive writes the values of a seed, and numbers go through float")
        run_dbt(["seed"])
        found = rows(project, "select id, text, cast(day as string), big, flag from {schema}.values order by id")
        assert found == [
            (1, "it's 100% C:\\temp", "2024-02-29", 9007199254740993, True),
            (2, None, None, None, None),
            (3, 'say "hi", 你好', "2024-03-01", -1, False),
        ]
