"""What is done from Slack: drafts, starts, approvals, pauses, cards, digests; one file each."""
