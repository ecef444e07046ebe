"""What machines see: the verbs and rows of the pages as JSON, for whoever has a token."""
