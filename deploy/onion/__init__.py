"""The intake host's two onion services: what they need, the tor that carries them, and the watch over them."""
