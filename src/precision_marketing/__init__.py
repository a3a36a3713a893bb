"""The precision-marketing warehouse in Python: ``models`` has the mathematics, ``warehouse`` what dbt calls."""

__version__ = "0.1.0"
