"""A stand-in city and its source systems over real HTTP. The pipeline never imports this package."""
