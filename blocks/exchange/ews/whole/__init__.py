"""Whole items of a server without ExportItems: asked for property by property, and written as a stream."""
