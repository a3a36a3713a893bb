"""Who can read the files that commands write, and what the list of processes shows."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import dbt_spark_python
from precision_marketing.project import private
from precision_marketing.serving import server

PASSWORD = " a 'b\\c\": #=!é€😀\t\n"


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def read_properties(text: str) -> dict[str, str]:
    """A file of Java's properties, of which only \\uXXXX is used."""
    pairs = (line.split("=") for line in text.splitlines())
    return {key: value.encode("ascii").decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16")
            for key, value in pairs}  # fmt: skip


def test_what_is_written_from_now_on_is_the_owners_alone(umask: None, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    private.from_now_on()
    (tmp_path / "closed").mkdir()
    (tmp_path / "file").touch()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"open": 0o755, "closed": 0o700, "file": 0o600}


def test_what_was_open_before_is_said(umask: None, tmp_path: Path) -> None:
    (tmp_path / "open one").mkdir()
    (tmp_path / "closed").mkdir(0o700)
    assert private.note([tmp_path / "closed", tmp_path / "absent"]) is None
    said = private.note([tmp_path / "closed", tmp_path / "open one"])
    assert said and "closed" not in said and "\n" not in said
    os.system(said.partition("To close: ")[2])
    assert private.note([tmp_path / "open one"]) is None


def test_settings_are_in_a_file_of_the_owner_while_spark_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--name x pyspark-shell")
    settings = {"spark.hadoop.password": PASSWORD, "spark.driver.extraJavaOptions": "-Da=b"}
    with dbt_spark_python.submit_options(settings) as options, dbt_spark_python._submitting(options):
        file = Path(options[options.index("--properties-file") + 1])
        assert os.environ["PYSPARK_SUBMIT_ARGS"] == f"{shlex.join(options)} --name x pyspark-shell"
        assert file.parent.stat().st_mode & 0o077 == 0 and stat.S_IMODE(file.stat().st_mode) == 0o600
        found = read_properties(file.read_text())
        logging = Path(found["spark.driver.extraJavaOptions"].removeprefix("-Da=b -Dlog4j2.configurationFile="))
        assert found["spark.hadoop.password"] == PASSWORD and "rootLogger" in logging.read_text()
        assert PASSWORD.strip() not in " ".join(options)
    assert not file.parent.exists() and os.environ["PYSPARK_SUBMIT_ARGS"] == "--name x pyspark-shell"


def test_a_log_configuration_of_ones_own_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "log4j2.properties").touch()
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    with dbt_spark_python.submit_options({"spark.a": "b"}) as options:
        assert read_properties(Path(options[1]).read_text()) == {"spark.a": "b"}


def test_the_server_has_its_settings_from_the_file_alone() -> None:
    with dbt_spark_python.submit_options(server.server_settings({"spark.password": "hidden"}, 1, 2)) as options:
        assert "hidden" not in " ".join(server.command(options))
        assert read_properties(Path(options[1]).read_text())["spark.password"] == "hidden"


def test_settings_given_to_the_server(tmp_path: Path) -> None:
    file = tmp_path / "spark.conf"
    file.write_text("# of the metastore\nspark.a.password=x = y\nspark.b  c d\nspark.c=e\n\n")
    file.chmod(0o600)
    found = server.given_settings(["spark.c=f=g"], file)
    assert found == {"spark.a.password": "x = y", "spark.b": "c d", "spark.c": "f=g"}
    file.chmod(0o640)
    for pairs, path, said in [
        ([], file, "chmod 600"),
        ([], tmp_path / "absent", "there is no file"),
        (["spark.c"], None, "KEY=VALUE, not spark.c$"),
        (["spark.hadoop.javax.jdo.option.ConnectionPassword=hidden"], None, "--properties-file$"),
    ]:
        with pytest.raises(ValueError, match=said) as raised:
            server.given_settings(pairs, path)
        assert "hidden" not in str(raised.value)


def test_a_log_begins_anew_and_keeps_one_before(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    dbt_spark_python.rotate(log, 3)
    with open(log, "ab", buffering=0) as output:
        output.write(b"abc")
        dbt_spark_python.rotate(log, 3)
        assert not (tmp_path / "serve.log.1").exists()
        output.write(b"d")
        dbt_spark_python.rotate(log, 3)
        output.write(b"e")
    assert (log.read_text(), (tmp_path / "serve.log.1").read_text()) == ("e", "abcd")
