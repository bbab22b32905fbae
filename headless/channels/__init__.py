"""What is sent and how: outbox, limits, e-mail, webhooks, links."""
