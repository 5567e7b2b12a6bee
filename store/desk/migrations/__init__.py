"""Migrations of the desk database, from its first version on."""
