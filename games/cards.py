"""Model cards, as the model hub has them: Markdown under an optional block of YAML."""

from __future__ import annotations

import re

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
# Raw HTML in a card stays text: a card may come with a model from elsewhere.
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def as_html(card: str) -> SafeString:
    """The card without its YAML, its headings lowered under the page's own.

    Example:
        >>> as_html("---\\nlicense: mit\\n---\\n# Honest\\n<b>x</b>")
        '<h3>Honest</h3>\\n<p>&lt;b&gt;x&lt;/b&gt;</p>\\n'
    """
    tokens = MARKDOWN.parse(FRONT_MATTER.sub("", card))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    return mark_safe(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}))  # noqa: S308  # the renderer escapes; raw HTML is off
