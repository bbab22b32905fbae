"""What Slack sends: proved, read, stored, and acknowledged."""
