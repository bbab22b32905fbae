"""What is answered to the verbs that only look; each module has its `HANDLERS`."""
