"""Measurements of speed: what the jobs are, who does them, how a run goes, and how it is told."""
