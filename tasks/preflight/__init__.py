"""What preflight finds out beyond the stages' own checks."""
