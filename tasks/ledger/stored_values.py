"""Read values that were kept at Prefect: rows of tables, parameters of runs, states of waits."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mailmove.errors import Blocked

M = TypeVar("M", bound=BaseModel)


def stored_value(model: type[M], value: object, wanted: str) -> M:
    """The value in today's shape.

    wanted: what it is, in words. Blocked: it has another shape. A row is whole as long as only Mailmove writes it, so a
    person, or another version, changed it.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Blocked(
            "Prefect's database",
            wanted=wanted,
            seen=faults_in_words(error),
            todo="Put back what stood there, or run the version of Mailmove that wrote it.",
        ) from None


def faults_in_words(error: ValidationError) -> str:
    """The first places that do not fit, without what stands there: it may be a secret."""
    faults = [f"{'.'.join(map(str, fault['loc'])) or 'all of it'}: {fault['msg']}" for fault in error.errors()[:3]]
    return "; ".join(faults)
