"""Who: contacts, segments, conditions, consent, imports, activities."""
