"""Write the pages of the diagnostic codes into `docs/errors/` from the table in the code.

Run it after a code, its example or its message has changed: `python docs/write_error_pages.py`.
"""

from pathlib import Path

from headless.dsl.codes import CODES, index, page

HERE = Path(__file__).parent / "errors"


def main() -> None:
    """Write one page for each code and the list of all; take away what is no code any more."""
    pages = {f"{code.code}.md": page(code) for code in CODES} | {"README.md": index()}
    for old in HERE.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
