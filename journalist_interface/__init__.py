"""What the people of the line use: the desk's pages."""
