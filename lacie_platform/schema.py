"""What the OpenAPI schema says beyond what the views tell by themselves."""

from __future__ import annotations

from typing import Any

REFUSALS = {
    "400": "A parameter cannot be read; the answer names it.",
    "401": "No token, no session, or one that has expired.",
    "403": "The account is not staff.",
    "404": "There is no such row.",
}
ERROR = {"type": "object", "additionalProperties": True, "description": "`detail`, or the names of the parameters with what is wrong with each."}
METHODS = ("get", "post", "put", "patch", "delete")


def add_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every operation may refuse a request; say so once, in one shape (drf-spectacular calls this with the finished schema)."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path in result["paths"].values():
        for operation in (path[method] for method in METHODS if method in path):
            for status, description in REFUSALS.items():
                operation["responses"].setdefault(status, {"description": description, "content": content})
    return result
