"""The codes of texts that can be read: E2xx names and values, E3xx never and for ever, W warnings.

`codes` puts the table together with the others. Imports `reading_codes`.
"""

from typing import Final

from headless.dsl.reading_codes import Code

MEANING: Final = (
    Code(
        "E200",
        "a name that nothing has",
        "The workspace has no email, segment, form or stage of that name. Either it is misspelt, "
        "or it has yet to be made.",
        "send email Welcom",
        "send email Welcome",
    ),
    Code(
        "E201",
        "an unknown field",
        "Contacts, companies or the form have no field of that name. Fields are made by an import "
        "or through the API before a campaign can ask for them.",
        "if cuontry is DE then exit",
        "if country is DE then exit",
    ),
    Code(
        "E202",
        "a name that several things have",
        "Capitals are forgiven where only one thing can be meant. Here there are several.",
        "send email sale",
        "send email Sale",
    ),
    Code(
        "E203",
        "something without fields before the dot",
        "Only `company`, `utm`, `device`, `entry` and `event` have fields, which stand behind a "
        "dot. A contact's own field stands alone.",
        "if conpany.size > 5 then exit",
        "if company.size > 5 then exit",
    ),
    Code(
        "E204",
        "a label used twice",
        "A label names one step; with two, a jump would not know where to go.",
        "here: send email Welcome\nhere: send email Tips",
        "here: send email Welcome\nthere: send email Tips",
    ),
    Code(
        "E205",
        "a label that no step has",
        "Somewhere a step is called by its label, and no step has it. The label stands before the "
        "step, with a colon.",
        "intro: send email Welcome\nwait 1d\njump to outro at most 2 times",
        "intro: send email Welcome\nwait 1d\njump to intro at most 2 times",
    ),
    Code(
        "E206",
        "a jump into a block",
        "A jump goes to a step of its own block or of one around it, never into another one.",
        "if points > 5 do here: send email Welcome wait 1d end\njump to here at most 2 times",
        "here: if points > 5 do send email Welcome wait 1d end\njump to here at most 2 times",
    ),
    Code(
        "E207",
        "a jump out of parallel or whenever",
        "Their parts run on their own; leaving one by a jump would leave it half done.",
        "here: wait 1d\nparallel do jump to here at most 2 times also wait 2d end",
        "parallel do here: wait 1d jump to here at most 2 times also wait 2d end",
    ),
    Code(
        "E208",
        "whenever with not",
        "`whenever` answers each time something happens. What does not happen has no time.",
        'from segment Leads\nwhenever not did "order placed" within 3d then exit',
        'from segment Leads\nwhen not did "order placed" within 3d then exit',
    ),
    Code(
        "E209",
        "a start by what does not happen",
        "Without a source, the first `when` says when a run begins. Something that does not happen "
        "begins nothing, unless it is about a message: its sending is the beginning.",
        'when not did "order placed" within 3d then exit',
        'from segment Leads\nwhen not did "order placed" within 3d then exit',
    ),
    Code(
        "E210",
        "an end before the beginning",
        "The second date is not later than the first, so there is no day on which anything runs.",
        "active 2026-12-24 to 2026-12-01\nsend email Welcome",
        "active 2026-12-01 to 2026-12-24\nsend email Welcome",
    ),
    Code(
        "E211",
        "shares that are not 100%",
        "The arms of a split take everybody, so their shares add up to 100%; `rest:` takes what "
        "the others leave.",
        "split do 50%: send email Welcome 40%: send email Tips end",
        "split do 50%: send email Welcome rest: send email Tips end",
    ),
    Code(
        "E212",
        "hours or days that are none",
        "A window that begins and ends at the same time is empty, and at least one day of the week "
        "must be left to send on.",
        "quiet hours 21:00 to 21:00\nsend email Welcome",
        "quiet hours 21:00 to 08:00\nsend email Welcome",
    ),
    Code(
        "E213",
        "a count below one",
        "What happens zero times can be left out. To take points away, write `remove points`.",
        "add points 0",
        "add points 1",
    ),
    Code(
        "E214",
        "an unknown time zone",
        "A zone is written as a continent and a city, such as `Europe/Paris`, in quotes. The "
        "names are those of the tz database.",
        'time zone "Paris"\nsend email Welcome',
        'time zone "Europe/Paris"\nsend email Welcome',
    ),
    Code(
        "E215",
        "between in the wrong order",
        "The smaller one stands first, else nothing could ever lie between the two.",
        "if points between 9 and 5 then exit",
        "if points between 5 and 9 then exit",
    ),
    Code(
        "E216",
        "not a regular expression",
        "`matches` takes a regular expression; `contains`, `starts with`, `ends with` take text.",
        'if city matches "(Par" then exit',
        'if city starts with "(Par" then exit',
    ),
    Code(
        "E217",
        "an unknown kind of device",
        "There are three kinds of device: `desktop`, `mobile` and `tablet`.",
        "when visited site on phone within 1d then exit",
        "when visited site on mobile within 1d then exit",
    ),
    Code(
        "E220",
        "values that do not fit",
        "Numbers are compared with numbers, dates with dates, texts with texts. What is in quotes "
        "is a text, and so is a bare word.",
        "if cart_total is big then exit",
        "if cart_total > 100 then exit",
    ),
    Code(
        "E221",
        "two currencies",
        "Amounts are compared in one currency, for exchange rates change from day to day.",
        "if cart_total between 10 EUR and 20 USD then exit",
        "if cart_total between 10 EUR and 20 EUR then exit",
    ),
    Code(
        "E222",
        "not a date",
        "`before`, `after`, `anniversary of` and `wait until` need a date.",
        "if city before 30d ago then exit",
        "if trial_ends before 30d ago then exit",
    ),
    Code(
        "E223",
        "a test that does not fit the type",
        "Each test fits some types: `contains` is for text, `>` for numbers and dates. The "
        "message lists what fits.",
        "if points contains 5 then exit",
        "if points is 5 then exit",
    ),
    Code(
        "E224",
        "a field set to the wrong type",
        "Each field holds one type of value, here a date, and something else would be lost.",
        "set trial_ends to soon",
        "set trial_ends to 30d from now",
    ),
    Code(
        "E225",
        "something that cannot be set",
        "A campaign can set the fields of the contact and of the company. What has happened "
        "cannot be changed afterwards.",
        "set entry.total to 5",
        "set cart_total to 5",
    ),
    Code(
        "E301",
        "a step that nobody reaches",
        "Every way to this step ends or turns off before it, so it would never be carried out. "
        "Often an `exit` or a `jump` stands too early.",
        "from segment Leads\nsend email Welcome\nexit\nsend email Tips",
        "from segment Leads\nsend email Welcome\nsend email Tips",
    ),
    Code(
        "E302",
        "a loop in which no time passes",
        "A contact would go round it again and again in the same instant. Let time pass in the "
        "loop, or say how often it may go round.",
        "intro: send email Welcome\nif points < 5 then jump to intro",
        "intro: send email Welcome\nif points < 5 then jump to intro at most 3 times",
    ),
    Code(
        "E303",
        "a deadline is needed",
        "Only when a time has run out can anybody know that something has not happened.",
        "send email Welcome\nwhen opened email Welcome then exit else send email Tips",
        "send email Welcome\nwhen opened email Welcome within 3d then exit else send email Tips",
    ),
    Code(
        "E304",
        "a condition that never holds",
        "Its parts contradict each other, so no contact can ever take this branch.",
        "if points > 10 and points < 5 then add tag x",
        "if points > 5 and points < 10 then add tag x",
    ),
    Code(
        "E305",
        "a standing rule that ends at once",
        "`whenever` stands beside the path and ends with it. Here the path ends at once.",
        'from segment Leads\nwhenever did "order placed" then add points 5',
        'from segment Leads\nwhenever did "order placed" within 30d then add points 5',
    ),
    Code(
        "E306",
        "a property of an event that did not happen",
        "`event.` reads what came with the event that brought the contact here. Some contacts come "
        "here without one, for instance by an `else`.",
        'from segment Leads\nwhen did "order placed" within 3d then exit else set cart_total to '
        "event.total",
        'from segment Leads\nwhen did "order placed" within 3d then set cart_total to event.total',
    ),
    Code(
        "W201",
        "a name in other capitals",
        "Capitals do not matter, so it is found all the same. Written alike everywhere, it is also "
        "found by a search.",
        "send email welcome",
        "send email Welcome",
    ),
    Code(
        "W202",
        "a new name that is almost a known one",
        "Tags, activities and groups of points come into being when they are first used, so a slip "
        "makes a new one.",
        "add tag webniar",
        "add tag webinar",
    ),
    Code(
        "W203",
        "a property that has not been seen",
        "The activity has never come with a property of that name, but with one that is spelt "
        "almost the same.",
        'start when did "order placed"\nif entry.totl > 5 then add points 1',
        'start when did "order placed"\nif entry.total > 5 then add points 1',
    ),
    Code(
        "W204",
        "a word that is also a field",
        "A bare word as a value is that word, also where a field has the same name. To compare "
        "with what is in the field, write `field NAME`.",
        "if country is city then exit",
        "if country is field city then exit",
    ),
    Code(
        "W211",
        "a rest of nothing",
        "The other arms are 100% already, so nobody comes into the rest.",
        "split do 50%: exit 50%: exit rest: exit end",
        "split do 50%: exit rest: exit end",
    ),
    Code(
        "W401",
        "more messages than the limit lets through",
        "The limit will hold some back, and the path with them. The count is the most that one "
        "contact can get in any such period.",
        "limit 1 email per week\nsend email Welcome\nwait 1d\nsend email Tips",
        "limit 2 emails per week\nsend email Welcome\nwait 1d\nsend email Tips",
    ),
    Code(
        "W402",
        "waiting for a message that is not sent",
        "No way to this point sends it, so perhaps another name is meant. If another campaign "
        "sends it, accept the warning.",
        "from segment Leads\nsend email Welcome\nwhen opened email Tips within 3d then exit",
        "from segment Leads\nsend email Welcome\nwhen opened email Welcome within 3d then exit",
    ),
    Code(
        "W403",
        "a window longer than the campaign",
        "Nothing runs after the campaign's end, so the window never closes, and its `else` is "
        "never taken.",
        "from segment Leads\nactive 2026-12-01 to 2026-12-24\n"
        'when did "order placed" within 60d then exit',
        "from segment Leads\nactive 2026-12-01 to 2026-12-24\n"
        'when did "order placed" within 6d then exit',
    ),
    Code(
        "W404",
        "a wait that may never end",
        "Without `within`, a contact who never does it stays here for ever and never comes to the "
        "steps behind.",
        "send email Welcome\nwhen opened email Welcome then add points 1\nwait 3d",
        "send email Welcome\nwhen opened email Welcome within 3d then add points 1\nwait 3d",
    ),
    Code(
        "W405",
        "a question that comes too early",
        "`if` asks at once; nobody can have opened what was sent a moment ago.",
        "send email Welcome\nif opened email Welcome then add points 5",
        "send email Welcome\nwhen opened email Welcome within 3d then add points 5",
    ),
    Code(
        "W406",
        "dates that late arrivals find in the past",
        "A date in the past is no wait. Who comes after both dates gets both messages at once.",
        "from segment Leads\nwait until 2026-10-01\nsend email Welcome\nwait until 2026-10-02\n"
        "send email Tips",
        "from segment Leads\nif now before 2026-10-01 do\n  wait until 2026-10-01\n"
        "  send email Welcome\nend\nwait until 2026-10-02\nsend email Tips",
    ),
    Code(
        "W407",
        "a message after an unsubscription",
        "Marketing is not sent to people who have been unsubscribed, so this message reaches "
        "nobody.",
        "unsubscribe from email\nsend email Welcome",
        "send email Welcome\nunsubscribe from email",
    ),
    Code(
        "W408",
        "an else that never happens",
        "Without a source, the first `when` is the start: the run begins because the event "
        "happened, so its `else` has nothing to answer.",
        'when did "order placed" within 3d then add points 5 else exit',
        'from segment Leads\nwhen did "order placed" within 3d then add points 5 else exit',
    ),
    Code(
        "W410",
        "an email without an unsubscribe link",
        "Marketing mail must carry one by law. One is added at the end of the mail, where it may "
        "not suit the design.",
        "send email Bare",
        "send email Welcome",
    ),
    Code(
        "W411",
        "a variable that nothing fills",
        "The template reads something that neither a field nor this step provides, so there would "
        "be a gap in the mail.",
        "send email Deal",
        "send email Deal with (discount = 10)",
    ),
    Code(
        "W420",
        "letters of several scripts in one word",
        "A Cyrillic or Greek letter can look like a Latin one, and the name is then another.",
        "add tag hоt",
        "add tag hot",
    ),
)
"""E2xx, E3xx and W."""
