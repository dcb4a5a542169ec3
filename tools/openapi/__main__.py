"""Write docs/openapi.json, and the routes into template.yaml."""

from pathlib import Path

from tools.interrupts import heed_interrupts
from tools.openapi.document import DOCUMENT, text
from tools.openapi.routes import TEMPLATE, with_routes


def main() -> None:
    """Write both and print their paths."""
    routed = with_routes(TEMPLATE.read_text(encoding="utf-8"))
    for path, content in ((DOCUMENT, text()), (TEMPLATE, routed)):
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    heed_interrupts()
    main()
