"""Calls checked and bound to a declaration: shapes, attributes, results, signatures."""
