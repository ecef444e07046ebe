"""Who has to agree to a request, what their agreement holds for, and the verbs with which they give it."""
