"""What messages are made of: blocks within Slack's limits, replies, charts, words for instants."""
