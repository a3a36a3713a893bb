"""What models name besides SQL, for sqlfluff (`library_path` in `.sqlfluff`): dbt's words and our macros.

sqlfluff reads this file anew for each model, but macros are compiled once per process. With its own way to load
macros, all of them are compiled up to four times per model, and one that gets a value by `return` from another one of
its file ends there. Nothing here asks a warehouse: what would do so, or depends on the run, has one fixed answer.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import jinja2
import yaml
from jinja2 import nodes
from sqlfluff.core.templaters.builtins.dbt import DBT_BUILTINS, DbtMacroWrapper, RelationEmulator

PROJECT = Path(__file__).resolve().parents[3]
CACHE = sys.modules.setdefault(__name__ + "_cache", type(sys)(__name__ + "_cache"))


class Config:
    """A model's configuration: nothing is set."""

    def __call__(self, *args, **kwargs) -> str:
        return ""

    def get(self, name: str, default: object = None) -> object:
        return default


def compiled_late(macro: nodes.Macro, environment: jinja2.Environment, words: dict) -> Callable:
    """Compile `macro` when it is first called: most models need few, and by then `words` knows all the others."""
    compiled = []

    def call(*args, **kwargs):
        if not compiled:
            code = environment.compile(nodes.Template([macro], lineno=macro.lineno).set_environment(environment))
            template = jinja2.Template.from_code(environment, code, words)
            compiled.append(DbtMacroWrapper(getattr(template.module, macro.name)))
        return compiled[0](*args, **kwargs)

    return call


def context() -> dict[str, object]:
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    words = {
        **DBT_BUILTINS,  # ref, source, this, return, is_incremental, ...
        "config": Config(),
        "execute": True,
        "range": range,
        "graph": {},
        "var": lambda name, *default: variables.get(name, *default) if default else variables[name],
    }
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    for path in sorted((PROJECT / "macros").rglob("*.sql")):
        if path.parent.name != "materializations":  # a tag of dbt's that jinja does not know
            for macro in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Macro):
                words[macro.name] = compiled_late(macro, environment, words)
    # A run that takes rows over from an approved version has more SQL than a first run.
    words["approved_version"] = lambda **_: RelationEmulator("approved_version")
    return words


if not hasattr(CACHE, "words"):
    CACHE.words = context()
globals().update(CACHE.words)
