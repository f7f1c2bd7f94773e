"""Operations as eager functions of torch."""
