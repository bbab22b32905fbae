"""What goes out to Slack: posts, replies, files and pictures."""
