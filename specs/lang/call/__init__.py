"""What a caller passes, bound to a declaration: shapes, attributes, results, signatures."""
