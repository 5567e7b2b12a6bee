"""The desk: everything that handlers see, encrypted under a key that only a passphrase unlocks."""
