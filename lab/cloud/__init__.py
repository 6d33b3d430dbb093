"""Microsoft, as far as one cutover needs it: sign-in, Graph, Exchange admin REST, migration service, mail, partners."""
