"""The mathematics of the precision-marketing warehouse, importable without dbt."""

__version__ = "0.1.0"
