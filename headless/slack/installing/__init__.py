"""How the app comes into a team, and whether it stands there well."""
