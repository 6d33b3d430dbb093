"""Randomised nights: a seed draws a company, its faults and its deaths; the real stages must lose nothing."""
