"""Gates, the steward's report, model cards and the tag catalogue."""
