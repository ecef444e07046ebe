"""The verbs of people: submit, decide, expire, cancel and retry, follow-ups, policy."""
