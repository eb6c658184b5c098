"""The warehouse: committed raw files in, checked releases out. One writer at a time, everything else reads."""
