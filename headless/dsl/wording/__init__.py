"""Each node in the language's own words, on one line: what the formatter sets in lines.

`written` gives the canonical words of anything but a block of steps. Names and texts stand bare
where the language lets them; with `keep_quotes` a value that was typed in quotes keeps them, for
there they can tell a text from a field. The rooms are those of the tree, above `style` and
`literals`; here their words are brought together. Computes only; imports the tree and the word
lists.
"""

from headless.dsl.wording import asking, settings, steps, values
from headless.dsl.wording.literals import UNITS as UNITS
from headless.dsl.wording.literals import clock as clock
from headless.dsl.wording.literals import duration as duration
from headless.dsl.wording.literals import in_quotes as in_quotes
from headless.dsl.wording.literals import is_bare as is_bare
from headless.dsl.wording.literals import is_label as is_label
from headless.dsl.wording.literals import is_name as is_name
from headless.dsl.wording.literals import name as name
from headless.dsl.wording.literals import number as number
from headless.dsl.wording.style import AS_TYPED as AS_TYPED
from headless.dsl.wording.style import CANONICAL as CANONICAL
from headless.dsl.wording.style import Style as Style
from headless.dsl.wording.style import Words as Words
from headless.dsl.wording.style import learn
from headless.dsl.wording.style import written as written

for _room in (values, asking, settings, steps):
    learn(_room.WORDS)
