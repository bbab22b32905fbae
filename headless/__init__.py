"""Headless: marketing campaigns as a small language, run set by set over PostgreSQL."""

__version__ = "0.1.0"
