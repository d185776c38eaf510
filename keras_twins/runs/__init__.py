"""A run: its checked configuration, its collection and its folder."""
