"""The vault of personal data, and where personal data goes."""
