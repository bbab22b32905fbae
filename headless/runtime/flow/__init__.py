"""How a path turns back, divides, and ends before its end: loops, parallel parts, goals."""
