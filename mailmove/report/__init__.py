"""The runbook before the cutover and the report after it: data in, one HTML file out."""
