"""Which keys the site file's shape allows at a place. Walks the pydantic models; knows no file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from edge_config.problems import DocPath, step


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models an annotation may hold: of a tuple its entries, of a dict its values, of a union each."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def keys(model: type[BaseModel]) -> dict[str, Any]:
    """The keys as written in the file (aliases applied) and the annotation of each."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def model_at(root: type[BaseModel], path: DocPath, data: Any) -> type[BaseModel] | None:
    """The model of the mapping at ``path``; of a union the one whose ``kind`` allows what ``data`` says."""
    model, here, candidates = root, data, [root]
    for part in path:
        here = step(here, part)
        if isinstance(part, str) and part in keys(model):
            candidates = models_in(keys(model)[part])
        if not candidates:
            return None
        model = next((one for one in candidates if _fits(one, here)), candidates[0])
    return model


def kinds_at(root: type[BaseModel], path: DocPath, data: Any) -> list[str]:
    """The words ``kind:`` may have in an entry of the list at ``path``."""
    parent = model_at(root, path[:-2], data)
    models = models_in(keys(parent)[str(path[-2])]) if parent and len(path) > 1 else []
    return [str(kind) for model in models for kind in get_args(model.model_fields["kind"].annotation)]


def _fits(model: type[BaseModel], here: Any) -> bool:
    if not isinstance(here, dict) or "kind" not in model.model_fields:
        return True
    return here.get("kind") in get_args(model.model_fields["kind"].annotation)


def walk(root: type[BaseModel]) -> Iterator[tuple[type[BaseModel], str]]:
    """Every (model, key) an installer may write, each model once."""
    seen: set[type[BaseModel]] = set()
    waiting = [root]
    while waiting:
        model = waiting.pop(0)
        if model in seen:
            continue
        seen.add(model)
        for key, annotation in keys(model).items():
            yield model, key
            waiting.extend(models_in(annotation))
