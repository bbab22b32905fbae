"""The desk, and what its handlers share: finding what is named, refusing, sharing, rehearsing."""
