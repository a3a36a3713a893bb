"""Macros of the project as functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
from jinja2 import nodes

import harness


def macro(file: str, name: str, **words: Any) -> Callable[..., str]:
    """A macro of the project as a function; ``words`` are what it finds by name."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    tree = environment.parse((harness.ROOT / "macros" / file).read_text(encoding="utf-8"))
    (found,) = (node for node in tree.find_all(nodes.Macro) if node.name == name)
    code = environment.compile(nodes.Template([found], lineno=1).set_environment(environment))
    return getattr(jinja2.Template.from_code(environment, code, words).module, name)
