"""The log that proves single records: roots of batches, proof bundles, backups."""
