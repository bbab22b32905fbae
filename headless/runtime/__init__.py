"""The engine: moves contacts through plans, set by set, one PostgreSQL transaction a batch."""
