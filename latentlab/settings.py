"""A component's settings are the parameters of its constructor, checked against their types."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model


@cache
def settings_model(
    entry: Callable[..., Any], supplied: frozenset[str] = frozenset()
) -> type[BaseModel]:
    """The parameters of `entry` as a closed pydantic model.

    Args:
        entry: A class or function whose parameters are annotated.
        supplied: Parameters that the caller fills in itself, such as the side of the images.
    """
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(entry).parameters.items():
        if name not in supplied:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (parameter.annotation, default)
    config = ConfigDict(extra="forbid", frozen=True)
    return create_model(entry.__name__, __config__=config, **fields)
