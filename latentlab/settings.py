"""A component's settings are the parameters of its constructor, checked against their types."""

import dataclasses
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model


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
    made = {  # defaults that a dataclass makes anew, which its signature does not tell
        field.name: field.default_factory
        for field in (dataclasses.fields(entry) if dataclasses.is_dataclass(entry) else ())
        if field.default_factory is not dataclasses.MISSING
    }
    for name, parameter in inspect.signature(entry).parameters.items():
        if name in made:
            fields[name] = (parameter.annotation, Field(default_factory=made[name]))
        elif name not in supplied:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (parameter.annotation, default)
    config = ConfigDict(extra="forbid", frozen=True)
    return create_model(entry.__name__, __config__=config, **fields)
