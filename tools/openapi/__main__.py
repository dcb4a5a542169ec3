"""Write docs/openapi.json."""

from pathlib import Path

from tools.interrupts import heed_interrupts
from tools.openapi.document import DOCUMENT, text


def main() -> None:
    """Write the document and tell where."""
    DOCUMENT.write_text(text(), encoding="utf-8")
    print(f"wrote {DOCUMENT.relative_to(Path.cwd()) if DOCUMENT.is_relative_to(Path.cwd()) else DOCUMENT}")


if __name__ == "__main__":
    heed_interrupts()
    main()
