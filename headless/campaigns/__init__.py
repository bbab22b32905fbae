"""The use cases: publish, start, pause, inspect. The one door for the faces."""
