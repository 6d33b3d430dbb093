"""When, in what order, and who must say yes. Files here define flows and nothing else."""
