"""The server for BI tools."""
