"""Everything that can be said of a tree before it is compiled: one pass after the other.

`check` holds a campaign against a catalogue, `check_definition` a segment's condition. They never
raise; what is wrong comes back as diagnostics in the order of the text. What needs the paths of
the plan is said by `analysis`. Imports the passes beside it: `amounts`, `comparisons`,
`contradictions`, `fields`, `flow`, `names`.
"""

from headless.dsl import ast
from headless.dsl.amounts import check_amounts
from headless.dsl.catalogue import STANDALONE, Catalogue
from headless.dsl.comparisons import check_types
from headless.dsl.contradictions import check_contradictions
from headless.dsl.diagnostics import Diagnostic, in_order
from headless.dsl.fields import Known, check_fields, known_fields
from headless.dsl.flow import check_flow, check_looks_back
from headless.dsl.names import check_names


def check(
    campaign: ast.Campaign, catalogue: Catalogue | None = None, *, brought: bool = True
) -> tuple[Diagnostic, ...]:
    """What is wrong with a campaign; without a catalogue its names are taken on trust.

    Without `brought` nothing is said of what events bring, as when one of them cannot be read.
    """
    catalogue = catalogue or STANDALONE
    known = known_fields(campaign, catalogue)
    if not brought:
        known = Known({name: of for name, of in known.scopes.items() if name not in known.seen})
    return in_order(
        [
            *check_names(campaign, catalogue),
            *check_fields(campaign, known, catalogue),
            *check_types(campaign, known, catalogue),
            *check_amounts(campaign),
            *check_flow(campaign),
            *check_looks_back(campaign),
            *check_contradictions(campaign),
        ]
    )


def check_definition(
    condition: ast.Condition, catalogue: Catalogue | None = None
) -> tuple[Diagnostic, ...]:
    """What is wrong with a condition that stands alone, such as a segment's definition."""
    catalogue = catalogue or STANDALONE
    known = known_fields(ast.Campaign(name=None, settings=(), steps=()), catalogue)
    return in_order(
        [
            *check_names(condition, catalogue),
            *check_fields(condition, known, catalogue),
            *check_types(condition, known, catalogue),
            *check_contradictions(condition),
        ]
    )
