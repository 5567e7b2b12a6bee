"""The card that people are given: the line's onion address as a text and as a page to print."""
