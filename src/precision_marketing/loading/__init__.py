"""Files to raw tables: what a company's export is, read whole or refused with a reason, by a mapping in YAML."""
