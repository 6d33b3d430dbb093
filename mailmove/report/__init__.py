"""What is handed to people: the runbook before the night, the report after it. Data in, one HTML file out."""
