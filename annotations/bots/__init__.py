"""Simulated participants, who walk a study's real pages."""
