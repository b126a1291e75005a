"""The data in an answer: what it says as JSON, for programs and tables. Knows no task."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

_FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)


def data_in(answer: str) -> Mapping[str, Any] | None:
    """The JSON object that the answer is, or that its first code block holds; None where it is none."""
    fenced = _FENCED.search(answer)
    try:
        value = json.loads(fenced[1] if fenced else answer, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(number: str) -> float:
    return float(number) if math.isfinite(float(number)) else _refuse(number)
