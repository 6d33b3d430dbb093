"""DNS: questions, zones, mail records, assessment, propagation."""
