"""A study before it opens: its arms, material and checks, what must be done first, and what opening freezes."""
