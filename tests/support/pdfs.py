"""PDFs, written by hand so that every byte is known."""

from collections.abc import Sequence
from pathlib import Path

_KEY = "00" * 32


def write_pdf(
    path: Path, pages: Sequence[str], *, size: tuple[int, int] = (72, 72), extra: str = "", locked: bool = False
) -> Path:
    """A PDF of one page for each of the drawings, which are in PDF's own operators; `size` in points."""
    kids = " ".join(f"{3 + 2 * index} 0 R" for index in range(len(pages)))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"]
    for index, drawing in enumerate(pages):
        box = f"/MediaBox [0 0 {size[0]} {size[1]}]"
        objects.append(f"<< /Type /Page /Parent 2 0 R {box} {extra} /Contents {4 + 2 * index} 0 R >>")
        objects.append(f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream")
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    lock = (
        f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{_KEY}> /U <{_KEY}> >> /ID [<00> <00>]" if locked else ""
    )
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {lock} >>\nstartxref\n{len(body)}\n%%EOF\n"
    path.write_text(f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}", newline="")
    return path
