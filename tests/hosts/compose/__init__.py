"""Compose files in the shape of well-known public ones, and what plays them on Docker hosts.

Their images are one small local one, whose services keep the ports and speak to each other as the real ones do.
"""
