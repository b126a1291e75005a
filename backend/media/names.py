"""How a file is called in a sentence."""

import re
import unicodedata

LONGEST = 60


def quoted(name: str) -> str:
    """The file name in quotation marks on one line: control marks dropped, the middle of a long one cut out."""
    clean = "".join(mark for mark in name if unicodedata.category(mark)[0] != "C" or mark in "\t\n")
    clean = re.sub(r"\s+", " ", clean).strip() or "The file"
    if len(clean) > LONGEST:
        clean = f"{clean[: LONGEST - 20]}…{clean[-19:]}"
    return f"“{clean}”"
