"""The Slack face, from what comes in to what goes out.

`incoming` proves, stores and acknowledges what Slack sends; `work` takes it from `tasks` in a
worker; the `desk` reads it with the table of `verbs` and hands it, through the `switchboard`, to
`answers` (verbs that look) or `flows` (what is done); `outgoing` brings replies and posts. `people`
and `teams` say who asks, `kit` makes blocks, `installing` brings the app in. `face` puts the parts
together. Imports point down within this room as well.
"""
