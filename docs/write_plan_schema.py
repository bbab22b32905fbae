"""Write the JSON schema of a compiled campaign into `docs/plan.schema.json`.

Run it after the plan or the tree has got a new member: `python docs/write_plan_schema.py`.
"""

import json
from pathlib import Path

from headless.dsl.plan import json_schema

HERE = Path(__file__).parent


def main() -> None:
    """Write the schema, its keys in a stable order."""
    text = json.dumps(json_schema(), indent=1, sort_keys=True, ensure_ascii=False)
    (HERE / "plan.schema.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
