"""The mathematics: importable without dbt, Spark and Great Expectations."""
