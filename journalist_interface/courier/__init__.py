"""What goes between the courier's laptop and the intake host over an onion service that only enrolled keys can find."""
