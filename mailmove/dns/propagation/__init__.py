"""Measure when resolvers have noticed a change."""
