"""The Slack teams that Headless is installed in: their tokens, and clients that use them."""
