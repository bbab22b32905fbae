"""Every condition of the language, asked of people about whom the answer is known."""

import pytest
from asked import settle_in, who
from world import World

FIELDS = {
    'country is "fr"': "a", 'country is not "fr"': "b", "country in (FR, DE)": "ab",
    "country is empty": "c", "country is not empty": "ab", "not country is FR": "bc",
    "plan contains PLUS": "a", 'plan starts with "pro"': "a", 'plan ends with "ee"': "b",
    'plan matches "^(pro|fre+)$"': "b", 'plan matches "P.*S"': "a",
    "age > 20": "a", "age >= 20": "ab", "age < 40": "b", "age between 20 and 39": "b",
    "age is 40": "a", "age is not 40": "b", "age in (1, 20)": "b",
    "points > 5": "a", "points between 5 and 60": "ab", "points is 0": "c",
    "stage is customer": "a", "stage is not customer": "b", "stage is empty": "c",
    "owner is anna": "a", "owner is not anna": "b", "preferred_channel is sms": "a",
    'phone starts with "+49"': "a",
}  # fmt: skip
DATES = {
    "trial after 2026-01-09": "a", "trial before 2026-01-10": "b", "trial is 2026-01-10": "a",
    "trial after today": "a", "trial before 30d ago": "b", "trial before 3d from now": "b",
    "trial between 5d ago and 6d from now": "a", "trial is saturday": "a",
    "trial is not saturday": "b", "anniversary of birthday is today": "a",
    "anniversary of birthday after today": "b", "anniversary of birthday is empty": "c",
    "now after 2026-01-01": "abc", "now before 2026-01-01": "", "now is monday": "abc",
    "now is tuesday": "", "now before 10:00": "bc", "now after 09:30": "a",
    "created_at after 1d ago": "abc", "created_at before 2026-01-05 08:00": "",
    "created_at is today": "abc",
}  # fmt: skip
AROUND = {
    "company.name is acme": "a", "company.name is globex": "b", "company.size > 100": "a",
    "company.size is empty": "bc", "company.points >= 9": "a", "company.name is empty": "c",
    "utm.source is google": "a", "utm.campaign is empty": "bc", "utm.source in (mail, x)": "b",
    "device is mobile": "a", "device.kind is desktop": "b", "device.brand is apple": "a",
    'device.os starts with "iOS"': "a", "device is empty": "c",
    "answer Demo.budget > 50": "a", "answer Demo.role is intern": "b",
    "answer Demo.budget is empty": "bc", "points in group Loyalty > 50": "a",
    "points in group Loyalty is 0": "bc",
    "in segment Leads": "a", "not in segment Leads": "bc", "has tag vip": "a",
    "reachable by email": "a", "reachable by sms": "a", "reachable by push message": "b",
    "reachable by message": "ab", "unsubscribed from email": "b", "unsubscribed": "b",
    "unsubscribed from sms": "", "unsubscribed from all": "",
    "unsubscribed from email in last 1d": "", "unsubscribed from email in last 3d": "b",
    "(age > 30 or points < 10) and not has tag vip": "bc",
}  # fmt: skip
EVENTS = {
    "opened email Welcome": "ab", "opened email Welcome in last 30d": "a",
    "opened email Welcome 2 times": "a", "opened email Welcome 2 times in last 30d": "",
    "opened any email in last 30d": "a", "opened email X": "",
    "clicked email Welcome": "a", 'clicked link "https://acme.io/offer*"': "a",
    'clicked link "/offer/1"': "a", 'clicked link "/offer" in email Welcome': "",
    "bounced email Welcome": "b", "replied to email Welcome": "a",
    'replied to email Welcome with "yes*"': "a", 'replied to email Welcome with "no*"': "",
    'replied to sms Ping with "STOP"': "a",
    "visited page Pricing": "a", 'visited page "/pricing"': "a", 'visited page "/pric*"': "a",
    'visited page "/pric"': "", "visited site": "ab", "visited site on mobile": "a",
    "visited site on desktop in last 6d": "b",
    'visited page Pricing from "https://news.io*"': "a",
    'visited site from "https://other*"': "", 'visited page "/about" on mobile': "",
    "spent 5m on page Pricing": "a", "spent 6m on page Pricing": "", "spent 100s on site": "ab",
    "spent 5m on site in last 4d": "", "spent 2m on site in last 4d": "a",
    "submitted form Demo": "ab", "submitted any form in last 2d": "",
    "downloaded asset Guide": "a", "requested slot Top": "a",
    "joined segment Leads": "a", "left segment Leads": "", "joined segment Leads in last 1d": "a",
    "got tag vip": "a", "got tag vip in last 30d": "", "entered stage Customer": "a",
    "reached 50 points": "a", "reached 50 points in last 3d": "",
    "reached 70 points in group Loyalty": "a", "reached 71 points in group Loyalty": "",
    'did "order placed"': "ab", 'did "order placed" where (total > 50)': "a",
    'did "order placed" where (total > 10)': "ab", 'did "order placed" where (total > 10 USD)': "a",
    'did "order placed" where (total < 30 EUR)': "b",
    'did "order placed" where (items contains hat)': "a",
    'did "order placed" where (total is empty)': "", 'did "order placed" in last 4d': "",
    'did "order placed" 2 times': "", "not opened email Welcome": "c",
    "opened email Welcome in last 30d and not visited page Pricing": "",
}  # fmt: skip


@pytest.mark.parametrize(
    "cases", [FIELDS, DATES, AROUND, EVENTS], ids=["fields", "dates", "around", "events"]
)
async def test_conditions(world: World, cases: dict[str, str]) -> None:
    await settle_in(world)
    told = {condition: await who(world, condition) for condition in cases}
    assert told == cases
