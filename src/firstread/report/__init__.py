"""Figures for people, from records; no network comes in here."""
