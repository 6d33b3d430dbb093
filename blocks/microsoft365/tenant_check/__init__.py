"""What a first real tenant can settle: questions that only read, their answers without names, and what they say."""
