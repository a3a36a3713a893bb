"""A page of HTML as tests read it."""

from __future__ import annotations

import html.parser
import posixpath
import urllib.parse
from collections.abc import Mapping

VOID = {"meta", "link", "br", "img", "wbr", "hr", "input", "rect"}


class Document(html.parser.HTMLParser):
    """A page's text, tags and attributes; that tags are closed in order is checked on the way."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.words.append(" ")

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def dead_links(pages: Mapping[str, str]) -> list[tuple[str, str]]:
    """Of a site, as HTML by path: links that lead to no page or anchor of it, and pictures without words."""
    documents = {name: Document(text) for name, text in pages.items() if name.endswith(".html")}
    anchors = {
        name: {attributes["id"] for _, attributes in document.tags if "id" in attributes}
        for name, document in documents.items()
    }
    dead = []
    for name, document in documents.items():
        for link in document.all("a"):
            path, _, anchor = link["href"].partition("#")
            path = urllib.parse.unquote(path)
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            if target not in documents or (anchor and anchor not in anchors[target]):
                dead.append((name, link["href"]))
        dead += [(name, str(image.get("src"))) for image in document.all("img") if not image.get("alt")]
    return dead
