"""The rules of a request body's fields, and their refusals in OpenAI's words.

Each reader takes the body and the field's name; an absent field and a null one are both None.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.sandbox.errors import ApiError, invalid

Json = dict[str, object]
_WHOLE: Final = re.compile(r"-?[0-9]{1,12}")


def reject_unknown(body: Mapping[str, object], known: Collection[str], path: str = "") -> None:
    """Refuse the first field that isn't known."""
    for name in body:
        if name not in known:
            raise invalid(f"Unrecognized request argument supplied: {path}{name}", None)


def required(value: str | None, name: str) -> str:
    """Return a field's value, or refuse its absence."""
    if value is None:
        raise invalid(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    return value


def wrong_type(name: str, expected: str) -> ApiError:
    """Return the refusal of a value of another JSON type."""
    return invalid(f"Invalid type for '{name}': expected {expected}.", name, "invalid_type")


def text(
    body: Mapping[str, object], name: str, longest: int | None = None, path: str = ""
) -> str | None:
    """Return a string of at least one character; the path is that of the object it is in."""
    value, name = body.get(name), path + name
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type(name, "a string")
    if not value:
        raise invalid(
            f"Invalid '{name}': empty string. Expected a string with minimum length 1, "
            "but got an empty string instead.",
            name,
            "empty_string",
        )
    return _not_longer(value, name, longest)


def choice(body: Mapping[str, object], name: str, choices: Collection[str], path: str = "") -> str:
    """Return a string that must be there and one of these."""
    value = required(text(body, name, path=path), path + name)
    if value not in choices:
        supported = ", ".join(f"'{one}'" for one in choices)
        raise invalid(
            f"Invalid value: '{value}'. Supported values are: {supported}.",
            path + name,
            "invalid_value",
        )
    return value


def _not_longer(value: str, name: str, longest: int | None) -> str:
    _check_unicode(value, name)
    if longest is not None and len(value) > longest:
        raise invalid(
            f"Invalid '{name}': string too long. Expected a string with maximum length {longest}, "
            f"but got a string with length {len(value)} instead.",
            name,
            "string_above_max_length",
        )
    return value


def _check_unicode(value: str, name: str) -> None:
    """Refuse half a character, which JSON can write and no file or database can hold."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise invalid(
            f"Invalid '{name}': the string is not valid Unicode.", name, "invalid_unicode"
        )


def mapping(body: Mapping[str, object], name: str, path: str = "") -> Json | None:
    """Return an object."""
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise wrong_type(path + name, "an object")
    return value


def items(body: Mapping[str, object], name: str, path: str = "") -> list[object]:
    """Return an array; an absent one is empty."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(path + name, "an array")
    return value


def metadata(body: Mapping[str, object]) -> dict[str, str] | None:
    """Return the metadata: at most 16 pairs, keys up to 64 and values up to 512 characters."""
    pairs = mapping(body, "metadata")
    if pairs is None:
        return None
    if len(pairs) > 16:
        raise invalid(
            "Invalid 'metadata': too many properties. Expected an object with at most 16 "
            f"properties, but got an object with {len(pairs)} properties instead.",
            "metadata",
            "object_above_max_properties",
        )
    for key, value in pairs.items():
        _not_longer(key, "metadata", 64)
        if not isinstance(value, str):
            raise wrong_type(f"metadata.{key}", "a string")
        _not_longer(value, f"metadata.{key}", 512)
    return {key: str(value) for key, value in pairs.items()}


@dataclass(frozen=True)
class Range:
    """The numbers a field takes.

    Attributes:
        least: The smallest value, or with `is_open` what every value is above.
        most: The largest value, if there is one.
        is_whole: Whether only integers are taken.
        is_open: Whether `least` itself is refused.
    """

    least: float
    most: float | None = None
    is_whole: bool = True
    is_open: bool = False

    def read(self, value: object, name: str) -> float:
        """Return a number of this range, or refuse the value."""
        number = self._number(value, name)
        if number < self.least or (self.is_open and number == self.least):
            sign = ">" if self.is_open else ">="
            raise self._outside(name, f"below minimum value. Expected a value {sign}", number)
        if self.most is not None and number > self.most:
            raise self._outside(name, "above maximum value. Expected a value <=", number)
        return number

    def _number(self, value: object, name: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(name, "an integer" if self.is_whole else "a number")
        if isinstance(value, int):
            if abs(value) > 10**15:
                raise wrong_type(name, "a number of usual size")
            return value
        if not math.isfinite(value) or (self.is_whole and not value.is_integer()):
            raise wrong_type(name, "an integer" if self.is_whole else "a number")
        return int(value) if self.is_whole else value

    def _outside(self, name: str, what: str, number: float) -> ApiError:
        kind = "integer" if self.is_whole else "decimal"
        limit = f"{self.least:g}" if "below" in what else f"{int(self.most or 0)}"
        side = "below_min" if "below" in what else "above_max"
        return invalid(
            f"Invalid '{name}': {kind} {what} {limit}, but got {number} instead.",
            name,
            f"{kind}_{side}_value",
        )


def whole_number(written: str | None) -> object:
    """Return the number a form or a query writes, or what it writes instead."""
    return int(written) if written and _WHOLE.fullmatch(written) else written


def query_number(query: Mapping[str, str], name: str, default: int, limits: Range) -> int:
    """Return a whole number of the query string."""
    written = query.get(name)
    return default if written is None else int(limits.read(whole_number(written), name))
