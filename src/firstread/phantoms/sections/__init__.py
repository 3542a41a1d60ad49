"""Sections through the body as CT and MR show them.

A section is painted part by part as a map of materials (`canvas`, `outlines`); a scanner looks the
materials up and displays them (`scanners`). Each module of bodies paints one region in one plane.
"""
