"""A journal in short, for tests: who, when, which step, what it came to."""

from headless.simulation.outcome import Simulated


def told(done: Simulated, contact: str | None = None) -> list[str]:
    """`05 09:00 send email Welcome: sent`, of one contact or of all."""
    return [
        f"{line.at:%d %H:%M} {line.step}: {line.outcome}"
        for line in done.journal
        if contact is None or line.contact == contact
    ]


def outcomes(done: Simulated, step: str) -> dict[str, str]:
    """What a step came to for each contact."""
    return {line.contact: line.outcome for line in done.journal if line.step == step}


def mails(done: Simulated, contact: str = "1") -> list[tuple[str, str]]:
    """What a contact was sent, and when."""
    return [(each.name, f"{each.at:%d %H:%M}") for each in done.contacts[contact].messages]
