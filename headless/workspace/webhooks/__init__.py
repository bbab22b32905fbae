"""Webhooks that tell other systems what happens: the catalogue, the endpoints, the deliveries."""
