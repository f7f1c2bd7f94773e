"""Files generated from the specs: golden sources, stubs, tables, schema."""
