"""What dbt's Python models call: they read frames, call ``models`` and return frames."""
