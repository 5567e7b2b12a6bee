"""`deploy/try`: a complete line on this machine, to look at and to walk through."""
