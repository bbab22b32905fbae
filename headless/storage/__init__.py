"""Where it is kept: tables, transactions, wake-ups, embedded servers."""
