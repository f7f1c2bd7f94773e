"""Two functions of a user, one in torch and one in JAX, compared with each other and with a reference."""
