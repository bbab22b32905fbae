"""What the SDKs of the Segment spec send: calls read, trusted as far as their key, and taken in."""
