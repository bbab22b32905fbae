"""Simulation: a campaign on a virtual clock, in a scratch schema, by the engine that workers run.

`run` is the door. Imports `campaigns` and what stands below it.
"""
