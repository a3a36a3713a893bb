"""dbt's own adapter tests, on the engine that --engine names."""

from __future__ import annotations

import os

import pytest

import dbt_spark_python
import harness

dbt_spark_python.register()  # the fixtures of dbt-tests-adapter make an adapter before dbt loads plug-ins


@pytest.fixture(scope="session")
def engine_settings(engine: str, request: pytest.FixtureRequest, tmp_path_factory) -> dict:
    """The output of profiles.yml for this engine, as a dictionary."""
    import yaml
    from jinja2 import Environment

    if engine == "local":
        os.environ["MARKETING_HOME"] = str(tmp_path_factory.mktemp("local"))
        os.environ["MARKETING_SHUFFLE_PARTITIONS"] = "2"
    else:
        os.environ.update(request.getfixturevalue("spark_cluster").environment)
    jinja = Environment()
    jinja.filters["as_number"] = int
    text = jinja.from_string((harness.ROOT / "profiles.yml").read_text()).render(env_var=os.environ.get)
    output = yaml.safe_load(text)["precision_marketing"]["outputs"][engine]
    return {**output, **({"port": int(output["port"])} if "port" in output else {})}


@pytest.fixture(scope="class")
def dbt_profile_target(engine_settings: dict) -> dict:
    return {key: value for key, value in engine_settings.items() if key != "schema"}
