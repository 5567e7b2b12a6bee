"""What the people of the line use: the desk's pages, and the courier's way to the intake host."""
