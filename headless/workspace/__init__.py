"""Whose it is and who may: tokens, roles, the catalogue of names."""
