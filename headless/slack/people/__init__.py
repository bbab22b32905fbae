"""The people in Slack: who asks, what they may do, and what is shown to whom."""
