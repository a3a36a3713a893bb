"""What dbt is given and what it leaves behind: the variables of the project, and who may read its files."""
