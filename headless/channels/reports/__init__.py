"""What providers report about messages they took: verified, read, applied."""
