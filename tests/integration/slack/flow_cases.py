"""For each verb that changes something: what to say well and badly, and what is answered."""

from typing import NamedTuple


class Three(NamedTuple):
    """What to say well and what its answer has in it; what to say badly and what helps then."""

    well: str
    answer: str
    badly: str
    help: str


CASES: dict[str, Three] = {
    "home": Three("", "1 running", "home sweet home", "stands alone"),
    "rule": Three(
        "when opened email Tips within 3d then add points 10",
        "add 10 points",
        "when opned email Tips within 3d then add points 10",
        "did you mean `opened`",
    ),
    "new": Three(
        "new Small: when opened email X within 3d then add tag small",
        "*Draft* `Small`",
        "new Welcome: when opened email X within 3d then add tag small",
        "already",
    ),
    "edit": Three("edit Welcome", "from segment Leads", "edit Welcom", "edit Welcome"),
    "revert": Three(
        "revert Spring sale to 1", "text of version 1 again", "revert Spring sale", "after `to`"
    ),
    "try": Three("try Spring sale", "in a thread", "try", "the name of a campaign"),
    "start": Three(
        "start Spring sale", "Nobody enters at once", "start Sprong sale", "Spring sale"
    ),
    "approve": Three("approve Spring sale", "Nothing waits", "approve", "the name of a campaign"),
    "decline": Three("decline Spring sale", "Nothing waits", "decline", "the name of a campaign"),
    "pause": Three(
        'pause Welcome reason "too dear"', "keep their place", "pause Welcom", "pause Welcome"
    ),
    "resume": Three("resume Welcome", "goes on", "resume", "the name of a campaign"),
    "watch": Three("watch Welcome errors", "watches `Welcome`", "watch Welcom", "Welcome"),
    "unwatch": Three("unwatch Welcome", "any more", "unwatch", "the name of a campaign"),
    "digest": Three(
        "digest weekly monday 09:00",
        "every Monday at 09:00",
        "digest weekly blursday",
        "here is no day called",
    ),
    "stop": Three("stop Welcome", "for good", "stop", "the name of a campaign"),
    "archive": Three("archive Old", "Archived", "archive Welcome", "stop it first"),
    "delete": Three("delete Small", "Discard the draft", "delete Welcome", "what ever ran is kept"),
    "hold all": Three(
        'hold all reason "wrong links"',
        "All sending is held",
        "hold all because",
        "hold all [reason",
    ),
    "release": Three("release", "Sending goes on", "release the kraken", "release"),
}
