"""The suites of dbt-tests-adapter that apply to the adapter as configured here: Parquet tables.

Left out: snapshots and the merge strategy, which need Delta, Iceberg or Hudi.
"""

from __future__ import annotations

import pytest
from dbt.tests.adapter.basic.test_adapter_methods import BaseAdapterMethod
from dbt.tests.adapter.basic.test_base import BaseSimpleMaterializations
from dbt.tests.adapter.basic.test_empty import BaseEmpty
from dbt.tests.adapter.basic.test_ephemeral import BaseEphemeral
from dbt.tests.adapter.basic.test_generic_tests import BaseGenericTests
from dbt.tests.adapter.basic.test_incremental import BaseIncremental, BaseIncrementalNotSchemaChange
from dbt.tests.adapter.basic.test_singular_tests import BaseSingularTests
from dbt.tests.adapter.basic.test_singular_tests_ephemeral import BaseSingularTestsEphemeral
from dbt.tests.adapter.basic.test_table_materialization import BaseTableMaterialization
from dbt.tests.adapter.basic.test_validate_connection import BaseValidateConnection
from dbt.tests.adapter.incremental.test_incremental_on_schema_change import BaseIncrementalOnSchemaChange
from dbt.tests.adapter.python_model import test_python_model as python_model
from dbt.tests.adapter.python_model.test_spark import BasePySparkTests
from dbt.tests.adapter.simple_seed.test_seed import BaseTestEmptySeed
from dbt.tests.adapter.unit_testing.test_case_insensitivity import BaseUnitTestCaseInsensivity
from dbt.tests.adapter.unit_testing.test_invalid_input import BaseUnitTestInvalidInput


class TestSimpleMaterializations(BaseSimpleMaterializations):
    pass


class TestAdapterMethod(BaseAdapterMethod):
    pass


class TestEmpty(BaseEmpty):
    pass


class TestEphemeral(BaseEphemeral):
    pass


class TestGenericTests(BaseGenericTests):
    pass


class TestIncremental(BaseIncremental):
    pass


class TestIncrementalNotSchemaChange(BaseIncrementalNotSchemaChange):
    pass


class TestSingularTests(BaseSingularTests):
    pass


class TestSingularTestsEphemeral(BaseSingularTestsEphemeral):
    pass


class TestTableMaterialization(BaseTableMaterialization):
    pass


class TestValidateConnection(BaseValidateConnection):
    pass


class TestPythonModel(python_model.BasePythonModelTests):
    pass


class TestPythonMetaGet(python_model.BasePythonMetaGetTests):
    pass


class TestPythonEmpty(python_model.BasePythonEmptyTests):
    pass


class TestPythonSample(python_model.BasePythonSampleTests):
    pass


class TestPythonIncremental(python_model.BasePythonIncrementalTests):
    """The suite's own model, with the strategy that Parquet has in place of merge."""

    @pytest.fixture(scope="class")
    def project_config_update(self):
        return {"models": {"+incremental_strategy": "append"}}


class TestDataFrames(BasePySparkTests):
    """PySpark, pandas and pandas on Spark; Koalas is the old name of the last and does not exist any more."""

    @pytest.fixture(scope="class")
    def models(self):
        from dbt.tests.adapter.python_model import test_spark

        return {
            "pandas_df.py": test_spark.PANDAS_MODEL,
            "pyspark_df.py": test_spark.PYSPARK_MODEL,
            "pandas_on_spark_df.py": test_spark.PANDAS_ON_SPARK_MODEL,
        }

    def test_different_dataframes(self, project):
        from dbt.tests.util import check_relations_equal, run_dbt

        assert len(run_dbt(["run"])) == 3
        check_relations_equal(project.adapter, ["pandas_df", "pyspark_df", "pandas_on_spark_df"])


class TestEmptySeed(BaseTestEmptySeed):
    pass


class TestUnitTestCaseInsensitivity(BaseUnitTestCaseInsensivity):
    pass


class TestUnitTestInvalidInput(BaseUnitTestInvalidInput):
    pass


class TestOnSchemaChange(BaseIncrementalOnSchemaChange):
    """dbt-spark adds columns to Parquet tables but removes none: the parts of the suite that do are left out."""

    test_run_incremental_sync_all_columns = None

    def test_run_incremental_append_new_columns(self, project):
        self.run_incremental_append_new_columns(project)

    @pytest.fixture(scope="class")
    def project_config_update(self):
        return {"models": {"+incremental_strategy": "append", "+file_format": "parquet"}}
