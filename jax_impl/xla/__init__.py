"""Operations as array programs that XLA compiles."""
