"""Commands that are a call or two of the API: say what happened, look, send, follow.

Each module is one noun, loaded when its command is called; all of them go through `cli.client`.
"""
