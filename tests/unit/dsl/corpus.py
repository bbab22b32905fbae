"""The texts that the language's tests read: cases beside this file, examples of the grammar."""

from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = Path(__file__).parents[3] / "grammar" / "examples"


def cases(name: str) -> list[str]:
    """The texts of a case file, which are parted by lines of `---`."""
    return (HERE / "cases" / name).read_text("utf-8").split("---\n")


VALID = cases("valid.txt")
INVALID = cases("invalid.txt")
CAMPAIGNS = {path.stem: path.read_text("utf-8") for path in sorted(EXAMPLES.glob("*.campaign"))}
EVERY_TEXT = [*VALID, *CAMPAIGNS.values()]


def title(text: str) -> str:
    """A text's first line, for the name of a test."""
    return text.strip().split("\n")[0][:60]
