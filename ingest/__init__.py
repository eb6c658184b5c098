"""source → raw: fetch bytes, land them, read records, check, compare, commit."""
