"""One small campaign for each word of the language, and what it must come to.

Every campaign takes in `ada` and `bob`, who differ in what the case says. A question is asked of
both: it must hold for ada and not for bob. What only happens is looked at in ada's journal.
"""

from dataclasses import dataclass, field
from typing import Any

Act = dict[str, Any]


def ada(at: str, **what: Any) -> Act:
    """Something that ada does or that is done to her, so long after the start."""
    return {"at": f"+{at}", "contact": "ada", **what}


@dataclass(frozen=True)
class Case:
    """A campaign; `told` are ada's lines of the journal (the entry left out), each `step: outcome`.

    `given` are ada's columns, `other` bob's. `state` is what ada must have at the end.
    """

    text: str
    told: tuple[str, ...] | None = None
    acts: tuple[Act, ...] = ()
    given: dict[str, Any] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    until: str = "2026-02-20"
    tags: tuple[set[str], set[str]] | None = None  # ada's and bob's


# ---------------------------------------------------------------- what `if` asks

CONDITIONS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[Act, ...]]] = {
    'city is "Lyon"': ({"city": "lyon"}, {"city": "Paris"}, ()),
    "city is not Lyon": ({"city": "Paris"}, {"city": ""}, ()),
    "age > 30": ({"age": 31}, {"age": 30}, ()),
    "age >= 30": ({"age": 30}, {"age": 29}, ()),
    "age < 30": ({"age": 29}, {"age": 30}, ()),
    "age <= 30": ({"age": 30}, {"age": 31}, ()),
    "city contains yo": ({"city": "LYON"}, {"city": "Nice"}, ()),
    "city starts with ly": ({"city": "Lyon"}, {"city": "Joly"}, ()),
    "city ends with ly": ({"city": "Joly"}, {"city": "Lyon"}, ()),
    'city matches "^l.*n$"': ({"city": "Lyon"}, {"city": "Lyons"}, ()),
    "city in (Lyon, Nice)": ({"city": "Nice"}, {"city": "Paris"}, ()),
    "age between 20 and 30": ({"age": 30}, {"age": 31}, ()),
    "city is empty": ({"city": ""}, {"city": "Lyon"}, ()),
    "city is not empty": ({"city": "Lyon"}, {"city": ""}, ()),
    "birthday before 2000-01-01": ({"birthday": "1999-12-31"}, {"birthday": "2000-01-01"}, ()),
    "birthday after 2000-01-01 09:00": ({"birthday": "2000-01-02"}, {"birthday": "2000-01-01"}, ()),
    "trial before 3d from now": ({"trial": "2026-01-08"}, {"trial": "2026-01-20"}, ()),
    "trial after 30d ago": ({"trial": "2026-01-01"}, {"trial": "2025-11-20"}, ()),
    "trial is today": ({"trial": "2026-01-06"}, {"trial": "2026-01-07"}, ()),
    "seen after now": ({"seen": "2026-02-01T00:00Z"}, {"seen": "2026-01-01T00:00Z"}, ()),
    "now after 2026-01-01 and has tag hot": ({"tags": "hot"}, {}, ()),
    "today after 2026-01-05 and has tag hot": ({"tags": "hot"}, {}, ()),
    "trial is monday": ({"trial": "2026-01-12"}, {"trial": "2026-01-13"}, ()),
    "anniversary of birthday is today": (
        {"birthday": "1999-01-06"}, {"birthday": "1999-01-07"}, ()),
    "member is yes": ({"member": True}, {"member": False}, ()),
    "city is field town": ({"city": "Lyon", "town": "lyon"}, {"city": "Lyon", "town": "Nice"}, ()),
    "share > 50%": ({"share": 60}, {"share": 40}, ()),
    "budget >= 100 EUR": ({"budget": 100}, {"budget": 99}, ()),
    'company.name is "Acme"': ({"company": "Acme"}, {"company": "Other"}, ()),
    "points in group G is empty or has tag hot": ({"tags": "hot"}, {}, ()),
    "points >= 10": ({"points": 10}, {"points": 9}, ()),
    "stage is gold": ({"stage": "gold"}, {"stage": "silver"}, ()),
    "owner is anna": ({"owner": "anna"}, {"owner": "paul"}, ()),
    "in segment VIP": ({"segments": "F;VIP"}, {}, ()),
    "has tag hot": ({"tags": "hot"}, {}, ()),
    "reachable by email": ({}, {"email": ""}, ()),
    "reachable by sms": ({"phone": "+33612345678"}, {"phone": ""}, ()),
    "reachable by message": ({}, {"email": ""}, ()),
    "not (reachable by push message) and has tag hot": ({"tags": "hot"}, {}, ()),
    "not (has tag hot)": ({}, {"tags": "hot"}, ()),
    "has tag hot and has tag big": ({"tags": "hot;big"}, {"tags": "hot"}, ()),
    "has tag hot or has tag big": ({"tags": "big"}, {}, ()),
    "opened email A": ({}, {}, (ada("1h", did="opened email A"),)),
    "opened email A in last 2d": ({}, {}, (ada("1h", did="opened email A"),)),
    "opened email A ever": ({}, {}, ({"at": "-5d", "contact": "ada", "did": "opened email A"},)),
    "did buy 2 times": ({}, {}, (ada("1h", did="did buy"), ada("2h", did="did buy"))),
    "unsubscribed": ({}, {}, (ada("1h", did="unsubscribed"),)),
    "submitted form G": ({}, {}, (ada("1h", did="submitted form G"),)),
    "answer G.size is big": ({}, {}, (
        ada("1h", did="submitted form G", properties={"size": "big"}),)),
    "device is mobile": ({}, {}, (ada("1h", did="visited site on mobile"),)),
    'device.os is "iOS"': ({}, {}, (
        ada("1h", did="visited site on mobile", properties={"os": "iOS"}),)),
    'utm.source is "ads"': ({}, {}, (
        ada("1h", did="visited site", properties={"utm": {"source": "ads"}}),)),
    "in campaign Other": ({}, {}, (ada("1h", did="joined campaign Other"),)),
}  # fmt: skip

# ---------------------------------------------------------------- what `when` waits for

EVENTS: dict[str, tuple[Act, ...]] = {
    "opened email A": (ada("1h", did="opened email A"),),
    "opened any email": (ada("1h", did="opened email A"),),
    "clicked email A": (ada("1h", did="clicked email A"),),
    "clicked any email": (ada("1h", did="clicked email A"),),
    "bounced email A": (ada("1h", did="bounced email A"),),
    "bounced any email": (ada("1h", did="bounced email A"),),
    'clicked link "https://x.org/*"': (ada("1h", did='clicked link "https://x.org/a"'),),
    'clicked link "*" in email A': (ada("1h", did='clicked link "https://x.org" in email A'),),
    "replied to any email": (ada("1h", did="replied to email A"),),
    "replied to any sms": (ada("1h", did="replied to sms T"),),
    "visited page P": (ada("1h", did="visited page P"),),
    'visited page "/pricing*"': (ada("1h", did='visited page "/pricing/pro"'),),
    'visited page P from "https://ref*"': (ada("1h", did='visited page P from "https://ref.org"'),),
    "visited page P on mobile": (ada("1h", did="visited page P on mobile"),),
    "visited site": (ada("1h", did="visited site"),),
    'visited site from "https://ref*"': (ada("1h", did='visited site from "https://ref.org"'),),
    "visited site on tablet": (ada("1h", did="visited site on tablet"),),
    "spent 5m on site": (ada("1h", did="spent 5m on site"),),
    "spent 5m on page P": (ada("1h", did="spent 6m on page P"),),
    "submitted form G": (ada("1h", did="submitted form G"),),
    "submitted any form": (ada("1h", did="submitted form G"),),
    "downloaded asset D": (ada("1h", did="downloaded asset D"),),
    "downloaded any asset": (ada("1h", did="downloaded asset D"),),
    "requested slot S": (ada("1h", did="requested slot S"),),
    "joined segment VIP": (ada("1h", did="joined segment VIP"),),
    "left segment F": (ada("1h", did="left segment F"),),
    "joined campaign Other": (ada("1h", did="joined campaign Other"),),
    "left campaign Other": (
        ada("1h", did="joined campaign Other"), ada("2h", did="left campaign Other")),
    "got tag hot": (ada("1h", did="got tag hot"),),
    "entered stage gold": (ada("1h", did="entered stage gold"),),
    "reached 50 points": (ada("1h", did="reached 50 points"),),
    "changed city": (ada("1h", set={"city": "Nice"}),),
    "unsubscribed": (ada("1h", did="unsubscribed"),),
    "unsubscribed from email": (ada("1h", did="unsubscribed from email"),),
    "unsubscribed from sms": (ada("1h", did="unsubscribed from sms"),),
    "unsubscribed from push message": (ada("1h", did="unsubscribed from push message"),),
    "unsubscribed from all": (ada("1h", did="unsubscribed from all"),),
    "did buy": (ada("1h", did="did buy"),),
    "did buy where (total > 50)": (ada("1h", did="did buy", properties={"total": 60}),),
    "did buy 2 times": (ada("1h", did="did buy"), ada("2h", did="did buy")),
    "did buy or did pay": (ada("1h", did="did pay"),),
    "did buy and did pay": (ada("1h", did="did pay"), ada("2h", did="did buy")),
}  # fmt: skip

# ---------------------------------------------------------------- when waits end

MOMENTS: dict[str, str] = {
    "wait 1mo": "2026-02-05 09:00",
    "wait 1w": "2026-01-12 09:00",
    "wait 2d": "2026-01-07 09:00",
    "wait 3h": "2026-01-05 12:00",
    "wait 4m": "2026-01-05 09:04",
    "wait 5s": "2026-01-05 09:00:05",
    "wait until 17:00": "2026-01-05 17:00",
    "wait until 08:00 on weekends": "2026-01-10 08:00",
    "wait until 08:00 on weekdays": "2026-01-06 08:00",
    "wait until 2026-01-09": "2026-01-09 00:00",
    "wait until 2026-01-09 10:00": "2026-01-09 10:00",
    "wait until trial": "2026-01-20 00:00",
    "wait until trial at 09:00": "2026-01-20 09:00",
    "wait until 3d before trial": "2026-01-17 00:00",
    "wait until 3d after trial at 10:00": "2026-01-23 10:00",
    "wait until monday": "2026-01-05 09:00",
    "wait until tuesday": "2026-01-06 00:00",
    "wait until wednesday at 10:00": "2026-01-07 10:00",
    "wait until thursday": "2026-01-08 00:00",
    "wait until friday": "2026-01-09 00:00",
    "wait until saturday": "2026-01-10 00:00",
    "wait until sunday": "2026-01-11 00:00",
    "wait until did nothing within 2d": "2026-01-07 09:00",
}

# ---------------------------------------------------------------- what steps do

# the step, then a condition that holds for ada afterwards (or what her record says)
DEEDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "add points 5": ("done (0 → 5)", {}, {"points": 5}),
    "remove points 5": ("done (7 → 2)", {"points": 7}, {"points": 2}),
    "add points 5 in group G": ("done", {}, {"if": "points in group G is 5"}),
    "remove points 5 in group G": ("done", {}, {"if": "points in group G is -5"}),
    "add points 5 to company": ("done", {"company": "Acme"}, {"points": 0}),
    "remove points 5 from company": ("done", {"company": "Acme"}, {"points": 0}),
    "add tag hot": ("done", {}, {"tags": ("hot",)}),
    "remove tag hot": ("done", {"tags": "hot"}, {"tags": ()}),
    "add to segment VIP": ("done", {}, {"segments": ("F", "VIP")}),
    "remove from segment F": ("done", {}, {"segments": ()}),
    "add to company Acme": ("done", {}, {"if": 'company.name is "Acme"'}),
    "remove from company Acme": ("done", {"company": "Acme"}, {"if": "company.name is empty"}),
    "add to campaign Other": ("done", {}, {"if": "in campaign Other"}),
    "remove from campaign Other": ("done", {}, {"if": "not (in campaign Other)"}),
    "move to campaign Other": ("done", {}, {}),
    'set city to "Nice"': ("done", {"city": "Lyon"}, {"fields": {"city": "Nice"}}),
    "set age to 41": ("done", {"age": 40}, {"fields": {"age": 41}}),
    "set trial to 30d from now": (
        "done", {"trial": "2026-01-01"}, {"fields": {"trial": "2026-02-04"}}),
    'set company.size to "big"': ("done", {"company": "Acme"}, {"if": 'company.size is "big"'}),
    "clear city": ("done", {"city": "Lyon"}, {"if": "city is empty"}),
    "set owner to anna": ("done", {}, {"if": "owner is anna"}),
    "set owner to one of (anna, paul)": ("done", {}, {"if": "owner in (anna, paul)"}),
    "set stage to gold": ("done", {}, {"if": "stage is gold"}),
    "unsubscribe": ("done", {}, {"if": "unsubscribed"}),
    'unsubscribe from email because "asked"': ("done", {}, {"if": "unsubscribed from email"}),
    "unsubscribe from sms": ("done", {}, {"if": "unsubscribed from sms"}),
    "unsubscribe from push message": ("done", {}, {"if": "unsubscribed from push message"}),
    "unsubscribe from all": ("done", {}, {"if": "unsubscribed from all"}),
    "subscribe to email": ("done", {}, {"if": "not (unsubscribed)"}),
    "subscribe to sms": ("done", {}, {"if": "not (unsubscribed from sms)"}),
    "subscribe to push message": ("done", {}, {"if": "not (unsubscribed from push message)"}),
    "subscribe to all": ("done", {}, {"if": "not (unsubscribed from all)"}),
    "push to HubSpot": ("sent", {}, {}),
    "push to HubSpot with (plan = pro)": ("sent", {}, {}),
    "show content C in slot S": ("done", {}, {}),
    'note "here"': ("done", {}, {}),
    "send email A": ("sent", {}, {"messages": ("email A",)}),
    "send transactional email A": ("sent", {}, {"messages": ("email A",)}),
    "send email A to owner": ("skipped (no owner)", {}, {"messages": ()}),
    'send email A to "x@example.org"': ("sent", {}, {"messages": ("email A",)}),
    "send email A with (total = 5)": ("sent", {}, {"messages": ("email A",)}),
    "send email A between 08:00 and 10:00": ("sent", {}, {"messages": ("email A",)}),
    "send email A on monday": ("sent", {}, {"messages": ("email A",)}),
    "send sms T": ("sent", {"phone": "+33612345678"}, {"messages": ("sms T",)}),
    "send push message N": ("skipped (no device)", {}, {"messages": ()}),
    "send message M": ("sent", {}, {"messages": ("email M",)}),
    'send slack "hello"': ("sent", {}, {}),
    'send slack "hello" to "#sales"': ("sent", {}, {}),
    'send webhook "https://x.org/h"': ("sent", {}, {}),
    'send webhook "https://x.org/h" with (plan = pro, hour = 09:00)': ("sent", {}, {}),
    "delete contact": ("done", {}, {}),
}  # fmt: skip

# ---------------------------------------------------------------- the way that a path takes

WAYS: dict[str, Case] = {
    "or if": Case(
        "from segment F if age > 50 then add tag old or if age > 30 then add tag mid"
        " else add tag young", given={"age": 40}, other={"age": 20}, tags=({"mid"}, {"young"})),
    "or when": Case(
        "from segment F when did buy within 1d then add tag bought or when did pay within 2d"
        " then add tag paid else add tag none", acts=(ada("30h", did="did pay"),),
        tags=({"paid"}, {"none"})),
    "when not": Case(
        "from segment F when not did buy within 1d then add tag none else add tag bought",
        acts=(ada("1h", did="did buy"),), tags=({"bought"}, {"none"})),
    "of entry": Case(
        "from segment F wait 2d when did buy within 1d of entry then add tag hit else add tag miss",
        acts=(ada("1h", did="did buy"),), tags=({"hit"}, {"miss"})),
    "of a step": Case(
        "from segment F mark: wait 1d wait 1d when did buy within 1d of mark then add tag hit"
        " else add tag miss", acts=(ada("25h", did="did buy"),), tags=({"hit"}, {"miss"})),
    "replied to an email with words": Case(
        'from segment F send email A when replied to email A with "yes*" within 2d'
        " then add tag hit else add tag miss",
        acts=(ada("1h", did='replied to email A with "yes please"'),), tags=({"hit"}, {"miss"})),
    "replied to a text": Case(
        "from segment F send sms T when replied to sms T within 2d"
        " then add tag hit else add tag miss", given={"phone": "+33612345678"},
        acts=(ada("1h", did="replied to sms T"),), tags=({"hit"}, {"miss"})),
    "reached points in a group": Case(
        "from segment F parallel do when reached 50 points in group G within 2d then add tag hit"
        " else add tag miss also wait 1h if has tag hot then add points 60 in group G end",
        given={"tags": "hot"}, tags=({"hot", "hit"}, {"miss"})),
    "whenever": Case(
        "from segment F whenever did buy at most 2 times then add points 1 wait 5d",
        acts=tuple(ada(f"{n}h", did="did buy") for n in (1, 2, 3)), state={"points": 2}),
    "split": Case(
        'from segment F split do 50% "A": add tag one rest "B": add tag one end',
        tags=({"one"}, {"one"})),
    "parallel": Case(
        "from segment F parallel do wait 1d add tag slow also add tag fast end add tag both",
        tags=({"slow", "fast", "both"}, {"slow", "fast", "both"})),
    "repeat": Case(
        "from segment F repeat 5 times until (points >= 3) do add points 1 wait 1h end",
        state={"points": 3}),
    "every duration": Case(
        "from segment F every 2d at 10:00 3 times do add points 1 end add tag over",
        state={"points": 3, "tags": ("over",)}),
    "every hour": Case(
        "from segment F every hour for 3h do add points 1 end", state={"points": 3}),
    "every day": Case(
        "from segment F every day at 10:00 until 2026-01-08 do add points 1 end",
        state={"points": 3}),
    "every week": Case(
        "from segment F every week on monday and thursday at 10:00 3 times do add points 1 end",
        state={"points": 3}),
    "every month": Case(
        "from segment F every month on day 31 at 10:00 1 times do add points 1 end",
        state={"points": 1}),
    "jump": Case(
        "from segment F again: add points 1 wait 1d jump to again at most 2 times",
        state={"points": 3}),
    "exit": Case(
        "from segment F if has tag hot then exit add tag stayed",
        given={"tags": "hot"}, tags=({"hot"}, {"stayed"})),
    "entry data": Case(
        "start when did buy if entry.total > 50 then add tag big else add tag small",
        acts=(ada("1h", did="did buy", properties={"total": 60}),), tags=({"big"}, set())),
    "event data": Case(
        "from segment F when did buy within 1d do if event.total > 50 then add tag big end",
        acts=(ada("1h", did="did buy", properties={"total": 60}),), tags=({"big"}, set())),
}  # fmt: skip

# ---------------------------------------------------------------- the header

HEADERS: dict[str, Case] = {
    "campaign and language": Case(
        "campaign C language 1 from segment F add tag came", tags=({"came"}, {"came"})),
    "from segment where": Case(
        "from segment F where (age > 30) add tag came", given={"age": 40}, other={"age": 20},
        tags=({"came"}, set())),
    "from new members": Case(
        "from new members of segment VIP add tag came",
        acts=(ada("1h", did="joined segment VIP"),), other={"segments": "F;VIP"},
        tags=({"came"}, set())),
    "from new members where": Case(
        "from new members of segment VIP where (age > 30) add tag came",
        acts=(ada("1h", did="joined segment VIP"),
              {"at": "+1h", "contact": "bob", "did": "joined segment VIP"}),
        given={"age": 40}, other={"age": 20}, tags=({"came"}, set())),
    "from form": Case(
        "from form G add tag came", acts=(ada("1h", did="submitted form G"),),
        tags=({"came"}, set())),
    "from form where": Case(
        "from form G where (age > 30) add tag came",
        acts=(ada("1h", did="submitted form G"),
              {"at": "+1h", "contact": "bob", "did": "submitted form G"}),
        given={"age": 40}, other={"age": 20}, tags=({"came"}, set())),
    "from contacts": Case(
        "from contacts where (age > 30) add tag came", given={"age": 40}, other={"age": 20},
        tags=({"came"}, set())),
    "start when": Case(
        "start when did buy add tag came", acts=(ada("1h", did="did buy"),),
        tags=({"came"}, set())),
    "active": Case(
        "active 2026-01-07 to 2026-01-08 from segment F wait 1d add tag came wait 2d add tag out",
        tags=({"came"}, {"came"})),
    "time zone": Case(
        'time zone "Asia/Tokyo" from segment F wait until 19:00 add tag due',
        given={"timezone": "Europe/Paris"}, until="2026-01-05 10:00", tags=({"due"}, {"due"})),
    "time zone contact": Case(
        "time zone contact from segment F wait until 19:00 add tag due",
        given={"timezone": "Asia/Tokyo"}, until="2026-01-05 10:00", tags=({"due"}, set())),
    "quiet hours": Case(
        "quiet hours 08:00 to 12:00 from segment F send email A",
        ("send email A: held", "send email A: sent")),
    "quiet days": Case(
        "quiet days monday from segment F send email A",
        ("send email A: held", "send email A: sent")),
    **{
        f"limit per {period}": Case(
            f"limit 1 email per {period} from segment F send email A send email B",
            ("send email A: sent", *told))
        for period, told in (
            ("hour", ("send email B: held", "send email B: sent")),
            ("day", ("send email B: held", "send email B: sent")),
            ("week", ("send email B: skipped",)), ("month", ("send email B: skipped",)))
    },
    "limit of texts": Case(
        "limit 1 sms per week from segment F send sms T send sms U",
        ("send sms T: sent", "send sms U: skipped"), given={"phone": "+33612345678"}),
    "limit of push messages": Case(
        "limit 1 push message per week from segment F send push message N",
        ("send push message N: skipped",)),
    "limit of messages": Case(
        "limit 1 message per week from segment F send email A send email B",
        ("send email A: sent", "send email B: skipped")),
    **{
        f"re-entry {mode}": Case(
            f"re-entry {mode} from segment F add points 1", state={"points": points},
            acts=(ada("2d", did="left segment F"), ada("3d", did="joined segment F")))
        for mode, points in (("never", 1), ("always", 2), ("after 2d", 2), ("after 5d", 1))
    },
    "goal": Case(
        'goal "won" when did buy from segment F wait 5d add tag late',
        acts=(ada("1d", did="did buy"),), tags=(set(), {"late"})),
    "stop": Case(
        "stop when did buy from segment F wait 5d add tag late",
        acts=(ada("1d", did="did buy"),), tags=(set(), {"late"})),
    "priority": Case("priority 5 from segment F send email A", ("send email A: sent",)),
    "owned by": Case("owned by anna from segment F add tag came", tags=({"came"}, {"came"})),
    "moved": Case("moved old to new from segment F new: add tag came", tags=({"came"}, {"came"})),
    "waiting at": Case(
        "waiting at old exit from segment F add tag came", tags=({"came"}, {"came"})),
}  # fmt: skip

# ---------------------------------------------------------------- what is no word after all

UNHEARD: frozenset[str] = frozenset(("Replied.channel=message", "Replied.channel=push message"))
"""What the grammar can hold and no channel reports: nobody replies to a push message."""
