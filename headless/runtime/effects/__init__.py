"""Effects as SQL: what the actions of a run do, one noun to a module.

Every effect is fed by the journal rows that the statement has just written: the journal's unique
key (enrollment, step, visit) is what makes an effect happen once, however often a step is run. All
of it is pure.
"""
